"""Reads a decoder's messages before they are asked for, so that it decodes the next pictures while these are looked at."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from reelscope_runtime.errors import MediaError
from reelscope_runtime.media.wire import Header, Payload

AHEAD_BYTES = 16 * 2**20
"""0.25 s of a full HD clip as the vision service wants it: more saves no time. Beyond, the decoder waits."""

_END = "end"
"""Type of a decoder's last message."""

Message = tuple[Header, Payload]


class ReadAhead:
    """Takes messages in a thread of its own, up to a number of bytes ahead, at least one.

    Args:
        receive: Waits for the next message; raises MediaError where none comes.
    """

    def __init__(self, receive: Callable[[], Message]) -> None:
        self._receive = receive
        self._ready: deque[Message | MediaError] = deque()
        self._bytes = 0
        self._closed = False
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)
        self._thread.start()

    def next(self) -> Message:
        """The next message, in order; the last one has the type "end".

        Raises:
            MediaError: The decoder crashed or stalled, or says that the media can't be used. Nothing comes after it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if not self._ready:
                raise MediaError("the decoder's messages can't be read any more", code="media_decoder_crashed")
            message = self._ready.popleft()
            self._bytes -= _size(message)
            self._changed.notify_all()
        if isinstance(message, MediaError):
            raise message
        return message

    def close(self) -> None:
        """Ends the thread. Whoever calls has ended the decoder before, so that it waits for no message."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        with self._changed:
            self._ready.clear()

    def _read(self) -> None:
        try:
            while self._keep(message := self._received()) and not _is_last(message):
                pass
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _received(self) -> Message | MediaError:
        try:
            return self._receive()
        except MediaError as error:
            return error

    def _keep(self, message: Message | MediaError) -> bool:
        """Whether to read on, once there is room for more."""
        with self._changed:
            self._ready.append(message)
            self._bytes += _size(message)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or self._bytes < AHEAD_BYTES)
            return not self._closed


def _is_last(message: Message | MediaError) -> bool:
    return isinstance(message, MediaError) or message[0].get("type") == _END


def _size(message: Message | MediaError) -> int:
    return 0 if isinstance(message, MediaError) else len(message[1])
