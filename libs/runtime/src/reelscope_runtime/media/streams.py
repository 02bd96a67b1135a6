"""Which streams of a container are looked at, and how they are decoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelscope_runtime.media.source import Limits

if TYPE_CHECKING:
    from av.container import InputContainer

_MAX_DEMUX_ERRORS = 20
"""So many errors without a packet between them: nothing more will come."""

_MAX_CANDIDATES = 3

_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails


def seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    """A timestamp or duration of FFmpeg in seconds; None where there is none."""
    return None if ticks is None or not time_base else float(ticks * time_base)


def video_candidates(container: InputContainer) -> list[VideoStream]:
    """Video streams with a decoder, the one that a player shows first; cover art is none."""
    streams = [stream for stream in container.streams.video if _has_decoder(stream) and not stream.disposition & _PICTURES]
    streams.sort(key=lambda s: (not s.disposition & Disposition.default, -s.width * s.height, s.index))
    return streams[:_MAX_CANDIDATES]


def audio_candidates(container: InputContainer) -> list[AudioStream]:
    """Audio streams with a decoder, the one that a player plays first."""
    streams = [stream for stream in container.streams.audio if _has_decoder(stream)]
    streams.sort(key=lambda s: (not s.disposition & Disposition.default, s.index))
    return streams[:_MAX_CANDIDATES]


def _has_decoder(stream: Stream) -> bool:
    context: CodecContext | None = stream.codec_context
    return context is not None


def codec_name(stream: Stream) -> str:
    """The codec's name (av1), not its decoder's (libdav1d)."""
    return stream.codec_context.codec.canonical_name


class Decoder:
    """Decodes one stream; errors are counted, not raised, so that a bad packet costs no more than its own frames.

    Args:
        stream: What it decodes.
        limits: Threads and the largest picture.
    """

    def __init__(self, stream: VideoStream | AudioStream, limits: Limits) -> None:
        self.stream = stream
        self._context = _context(stream, limits)
        self.packets = 0
        self.frames = 0
        self.errors = 0
        self.last_error = ""
        self.encrypted = False

    def decode(self, packet: Packet[Stream]) -> list[VideoFrame | AudioFrame]:
        """Frames that this packet completes.

        Raises:
            MemoryError: The process's limit is reached.
        """
        if packet.size == 0 and (packet.pts is not None or packet.dts is not None):
            return []  # an empty sample of the file; the decoder would take it for the end
        if packet.size:
            self.packets += 1
            if packet.has_sidedata("encryption_info"):
                self.encrypted = True
                return []
        try:
            frames: list[VideoFrame | AudioFrame] = list(self._context.decode(packet))  # type: ignore[attr-defined]
        except av.error.EOFError:
            return []
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self.errors += 1
            self.last_error = error.strerror or str(error)
            return []
        self.frames += len(frames)
        return frames


def _context(stream: VideoStream | AudioStream, limits: Limits) -> CodecContext:
    context: CodecContext = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.name in {"vp8", "vp9"}:
        # FFmpeg's own decoder drops the second picture that carries the alpha; libvpx's reads it.
        name = "libvpx" if context.name == "vp8" else "libvpx-vp9"
        alpha: CodecContext = CodecContext.create(name, "r")
        alpha.extradata = context.extradata
        context = alpha
    context.options = {"max_pixels": str(limits.max_pixels)}
    context.thread_count = limits.threads
    context.thread_type = "AUTO"
    return context


def demux(container: InputContainer, streams: Sequence[Stream]) -> Iterator[tuple[Packet[Stream] | None, str]]:
    """Packets of the wanted streams, then one empty packet for each, which flushes its decoder.

    Yields:
        A packet and "", or None and the text of an error that the container gave; reading goes on where it can.
    """
    wanted = {stream.index for stream in streams}
    for stream in container.streams:
        stream.discard = Discard.default if stream.index in wanted else Discard.all
    failures = 0
    while failures < _MAX_DEMUX_ERRORS:
        try:
            for packet in container.demux(list(streams)):
                failures = 0
                yield packet, ""
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            failures += 1
            yield None, error.strerror or str(error)
        else:
            return
    for stream in streams:
        packet = Packet()
        packet.stream = stream
        yield packet, ""
