"""The services' side of decoding: starts decoder processes, watches them and gives their items."""

from __future__ import annotations

import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog
from google.protobuf import json_format

from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.errors import CancelledError, MediaError, MediaTooLargeError, NotFoundError, UnavailableError
from reelscope_runtime.media.ahead import ReadAhead
from reelscope_runtime.media.items import AnyItem, FrameSpec, Item, Spec
from reelscope_runtime.media.wire import ChannelClosedError, ChannelTimeoutError, Header, Payload, Receiver, send
from reelscope_runtime.process import Child, spawn_module
from reelscope_runtime.settings import MediaSettings

log = structlog.get_logger(__name__)

_LOG_TAIL_BYTES = 2000
_PAYLOAD_SLACK_BYTES = 64 * 2**20
"""Beyond the largest picture: audio chunks of unusual length."""
_START_S = 30.0
"""A decoder process has imported its libraries by then, however busy the machine."""
_ENVIRONMENT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"})
_ENVIRONMENT_PREFIXES = ("PYTHON", "CUDA_", "NVIDIA_", "OMP_")
_ENVIRONMENT_SUFFIXES = ("_NUM_THREADS",)
"""What a decoder, which opens untrusted files, gets of our environment: no address, no password, no key."""

_KEPT_BYTES = 32 * 2**20
_KEEPS_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES), "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES)}
"""For glibc (mallopt(3)), the most that it takes. A decoder paints picture after picture: left to itself, glibc has the system
clear new pages for each, 150,000 page faults in 20 s of full HD instead of 19,000, which are 4 % of the decoder's time."""


def _environment() -> dict[str, str]:
    given = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES) or name.endswith(_ENVIRONMENT_SUFFIXES)
    }
    return {**given, **_KEEPS_MEMORY}


class _Decoder:
    """One decoder process: a request in, messages out."""

    def __init__(self, max_pixels: int) -> None:
        self._log = -1
        self._max_payload = 3 * max_pixels + _PAYLOAD_SLACK_BYTES
        try:
            self._log = os.memfd_create("decoder-log", os.MFD_CLOEXEC)
            self.child: Child = spawn_module(
                "reelscope_runtime.media.child", [str(os.getpid())], stderr=self._log, env=_environment()
            )
        except (OSError, RuntimeError) as error:  # no descriptor, no process, no thread to wait for it
            if self._log >= 0:
                os.close(self._log)
            raise UnavailableError(f"the decoder process can't be started: {error}") from error
        assert self.child.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        self._receiver = Receiver(self.child.stdout.fileno())

    def ask(self, request: Header) -> None:
        """Sends the request once the process is ready for it."""
        assert self.child.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        self.receive(_START_S)
        try:
            send(self.child.stdin.fileno(), request)
        except OSError:
            raise self._crashed() from None

    def receive(self, timeout_s: float) -> tuple[Header, Payload]:
        """The next message.

        Raises:
            MediaError: The process crashed or stalled, or says that the media can't be used.
        """
        try:
            header, payload = self._receiver.receive(timeout_s, max_payload_bytes=self._max_payload)
        except ChannelTimeoutError:
            self.child.kill()
            raise MediaError(
                f"the decoder gave nothing for {timeout_s:g} s and was stopped", code="media_decoder_stalled"
            ) from None
        except ChannelClosedError:
            raise self._crashed() from None
        if header.get("type") == "error":
            kind = MediaTooLargeError if header["code"] == "media_too_large" else MediaError
            raise kind(header["reason"], code=header["code"])
        return header, payload

    def _crashed(self) -> MediaError:
        self.child.kill()
        status = self.child.wait()
        size = os.fstat(self._log).st_size
        log = os.pread(self._log, _LOG_TAIL_BYTES, max(0, size - _LOG_TAIL_BYTES)).decode(errors="replace")
        last = next((line for line in reversed(log.splitlines()) if line.strip()), "it said nothing")
        reason = f"the decoder ended with status {status} in the middle of its work: {last.strip()}"
        return MediaError(reason, code="media_decoder_crashed", retryable=False)

    def close(self) -> None:
        """Kills the process; returns when it is reaped."""
        self.child.close()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1


class Decoding:
    """Items of one pass over a file, as they are decoded. A context manager and an iterator of (key, item).

    Arrays are read-only, and shared where two specifications want the same.

    Attributes:
        position_s: How far decoding has come, in seconds since time zero; never goes back.
        ended_streams: "video" and "audio" once none of its items comes after those given so far: from the first item on where
            it is absent or not wanted, else when the file has been read to its end (no container says it earlier for sure).
        frames_decoded: Video frames decoded so far; none is decoded twice.
        decode_s: Processor time that the decoder process took so far.
        video_end_s: Real end of the video, once iteration is over.
        audio_end_s: Real end of the audio, once iteration is over.
        warnings: What was odd, once iteration is over.
    """

    def __init__(self, decoder: _Decoder, stall_timeout_s: float, on_closed: Callable[[], None]) -> None:
        self._decoder = decoder
        self._on_closed = on_closed
        self._messages = ReadAhead(partial(decoder.receive, stall_timeout_s))
        self._ready: deque[tuple[str, AnyItem]] = deque()
        self._cancelled = False
        self._over = False
        self.position_s = 0.0
        self.ended_streams: set[str] = set()
        self.frames_decoded = 0
        self.decode_s = 0.0
        self.video_end_s = 0.0
        self.audio_end_s = 0.0
        self.warnings: list[str] = []

    def __iter__(self) -> Iterator[tuple[str, AnyItem]]:
        return self

    def __next__(self) -> tuple[str, AnyItem]:
        """The next item.

        Raises:
            CancelledError: `cancel` was called.
            MediaError: Nothing can be decoded, or the decoder crashed or stalled.
        """
        while not self._ready:
            self._check_cancelled()
            if self._over:
                raise StopIteration
            self._read()
        self._check_cancelled()
        return self._ready.popleft()

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise CancelledError("decoding was cancelled")

    def _read(self) -> None:
        try:
            header, payload = self._messages.next()
        except MediaError:
            self._over = True
            self._check_cancelled()
            raise
        self.position_s = max(self.position_s, header["position_s"])
        self.ended_streams.update(header.get("ended", ()))
        self.frames_decoded = header["frames"]
        self.decode_s = header["decode_s"]
        if header["type"] == "item":
            self._unpack(header, payload)
        elif header["type"] == "end":
            self._over = True
            self.video_end_s = header["video_end_s"]
            self.audio_end_s = header["audio_end_s"]
            self.warnings = header["warnings"]

    def _unpack(self, header: Header, payload: Payload) -> None:
        value = payload.view(header["dtype"]).reshape(header["shape"])
        value.flags.writeable = False
        item: AnyItem = Item(header["source"], header["time_s"], header["end_s"], header["index"], value)
        self._ready.extend((key, item) for key in header["keys"])

    def cancel(self) -> None:
        """Stops decoding at once; may be called from any thread. Iteration then raises CancelledError."""
        self._cancelled = True
        self._decoder.child.kill()

    def close(self) -> None:
        """Ends the decoder process; what was not read is lost."""
        self._over = True
        self._decoder.child.kill()
        self._messages.close()
        self._decoder.close()
        self._on_closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class MediaHost:
    """Probes and decodes untrusted media in child processes. Thread-safe; its methods block.

    One idle decoder is kept ready, so that nobody waits until Python is started and FFmpeg loaded. The next one is started
    together with a probe, which a decoding mostly follows, and after a decoding, which needs the processor until it is done.

    Args:
        settings: Limits and timeouts.
    """

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._closed = False
        self._spare: _Decoder | None = self._start()

    def probe(self, path: Path | str) -> MediaInfo:
        """Says what a file is, after decoding the first frame of each stream. Leaves `sha256` empty.

        Raises:
            NotFoundError: There is no such file.
            MediaError: It can't be used. Codes: media_empty, media_not_media, media_truncated, media_encrypted,
                media_no_streams, media_no_frames, media_too_large, media_unreadable, media_decoder_crashed,
                media_decoder_stalled.
        """
        size = _size(Path(path))
        request = {**self._limits(), "do": "probe", "path": str(path), "timeout_s": self._settings.probe_timeout_s}
        decoder = self._asked(request)
        try:
            self._refill()
            header, _ = decoder.receive(self._settings.probe_timeout_s)
        finally:
            decoder.close()
        info = json_format.ParseDict(header["info"], MediaInfo())
        info.size_bytes = size
        return info

    def decode(self, path: Path | str, info: MediaInfo, specs: Mapping[str, Spec]) -> Decoding:
        """Starts one pass over a file that feeds all specifications. Streams that none of them wants are not decoded.

        Args:
            path: The file.
            info: As `probe` gave it; says which streams, what time zero is and how large the picture is shown.
            specs: What is wanted, by keys of the caller's choice.

        Raises:
            NotFoundError: There is no such file.
            MediaError: It can't be read.
        """
        _size(Path(path))
        fields = json_format.MessageToDict(info, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        wanted = {key: _fields(spec) for key, spec in specs.items()}
        request = {**self._limits(), "do": "decode", "path": str(path), "info": fields, "specs": wanted}
        return Decoding(self._asked(request), self._settings.stall_timeout_s, self._refill)

    def close(self) -> None:
        """Ends the idle decoder. Decodings that run are their holders' to close."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _limits(self) -> dict[str, Any]:
        names = {"max_pixels", "max_duration_s", "threads", "hwaccel", "child_memory_bytes"}
        return self._settings.model_dump(include=names)

    def _start(self) -> _Decoder:
        return _Decoder(self._settings.max_pixels)

    def _asked(self, request: Header) -> _Decoder:
        """A decoder at work on a request."""
        with self._lock:
            if self._closed:
                raise UnavailableError("the media host is closed")
            decoder, self._spare = self._spare, None
        if decoder is not None and decoder.child.returncode is not None:
            decoder.close()
            decoder = None
        decoder = decoder or self._start()
        try:
            decoder.ask(request)
        except BaseException:
            decoder.close()
            raise
        return decoder

    def _refill(self) -> None:
        with self._lock:
            if self._spare is not None or self._closed:
                return
            try:
                self._spare = self._start()
            except UnavailableError as error:
                # What was asked for is done; the next request starts one itself, or says why not.
                log.warning("no_decoder_ready", reason=str(error))


def _fields(spec: Spec) -> dict[str, Any]:
    return {"kind": "frames" if isinstance(spec, FrameSpec) else "audio", **asdict(spec)}


def _size(path: Path) -> int:
    """Size of a file that may hold media.

    Raises:
        NotFoundError: There is no such file.
        MediaError: It is empty, no file, or not ours to read.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is a directory or a device, not a file")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path} can't be read: permission denied")
    if status.st_size == 0:
        raise MediaError(f"{path} is empty (0 bytes); send the whole file", code="media_empty")
    return status.st_size
