"""Messages between the media host and its decoder: a small JSON header and raw bytes, length-prefixed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Header = dict[str, Any]
Buffer = bytes | bytearray | memoryview
Payload = NDArray[np.uint8]

_PREFIX = struct.Struct("<IQ")
_PIPE_BYTES = 2**20
"""A picture passes in few pieces; the most that Linux gives without privileges."""
_MAX_HEADER_BYTES = 4 * 2**20
"""Headers are small; a longer one means that the sender is broken."""


class ChannelClosedError(Exception):
    """The other side ended before its message did."""


class ChannelTimeoutError(Exception):
    """Nothing came in time."""


def _write_all(fd: int, content: Buffer) -> None:
    view = memoryview(content).cast("B")
    while view:
        view = view[os.write(fd, view) :]


def send(fd: int, header: Header, payload: Buffer = b"") -> None:
    """Writes one message; waits while the pipe is full, which is what holds a fast decoder back.

    Raises:
        OSError: The reader is gone.
    """
    text = json.dumps(header).encode()
    size = memoryview(payload).nbytes
    _write_all(fd, _PREFIX.pack(len(text), size) + text)
    if size:
        _write_all(fd, payload)


class Receiver:
    """Reads messages from a pipe.

    Args:
        fd: Read end; becomes non-blocking and stays the caller's to close.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        os.set_blocking(fd, False)
        with contextlib.suppress(OSError):  # a user who has many of them gets small ones
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._poll = select.poll()
        self._poll.register(fd, select.POLLIN)

    def receive(self, timeout_s: float | None, *, max_payload_bytes: int) -> tuple[Header, Payload]:
        """One message; each arriving piece starts the timeout anew. None waits for ever.

        Raises:
            ChannelClosedError: The sender ended, or sent what is no message.
            ChannelTimeoutError: Nothing came for `timeout_s`.
        """
        text_size, payload_size = _PREFIX.unpack(self._exactly(_PREFIX.size, timeout_s).tobytes())
        if text_size > _MAX_HEADER_BYTES or payload_size > max_payload_bytes:
            raise ChannelClosedError(f"a message of {text_size} + {payload_size} bytes")
        try:
            header: Header = json.loads(self._exactly(text_size, timeout_s).tobytes())
        except ValueError as error:
            raise ChannelClosedError("a header that is no JSON") from error
        if not isinstance(header, dict):
            raise ChannelClosedError("a header that is no JSON object")
        return header, self._exactly(payload_size, timeout_s)

    def _exactly(self, size: int, timeout_s: float | None) -> Payload:
        # No bytearray: to clear it first would take a quarter of the time of reading.
        content = np.empty(size, np.uint8)
        view = content.data
        while view:
            try:
                count = os.readv(self._fd, [view])
            except BlockingIOError:
                if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
                    raise ChannelTimeoutError from None
                continue
            if count == 0:
                raise ChannelClosedError("the sender ended")
            view = view[count:]
        return content
