"""Says what a file is, after decoding the first frame of each stream: headers alone are not believed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelscope_runtime.media.picture import displayed_size, orientation
from reelscope_runtime.media.source import Limits, RefusedError, declares_encryption, log_tail, open_media, too_large
from reelscope_runtime.media.streams import Decoder, audio_candidates, codec_name, demux, seconds, video_candidates

if TYPE_CHECKING:
    from av.container import InputContainer

Fields = dict[str, Any]
"""Fields of a message of media.proto, by name."""

_SOFT_FRACTION = 0.7
"""Of the time for probing: then the first frames that were found have to do."""

_MAX_PACKETS = 2000
"""Packets of one stream that are looked through for its first frame."""

_INT32_MAX = 2**31 - 1

_MAX_ASPECT = 20.0
"""A pixel wider or taller than this is a broken header."""

_RATE_RANGE = (0.01, 1000.0)
"""Frame rates outside are time bases in disguise."""

_TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
"""Names of ISO/IEC 23091-2 code points as FFmpeg prints them."""

_HDR = {"smpte2084", "arib-std-b67"}
"""PQ (SMPTE ST 2084) and HLG (ARIB STD-B67)."""


@dataclass(slots=True)
class _Found:
    """What decoding the beginning of one stream gave."""

    decoder: Decoder
    frame: VideoFrame | AudioFrame | None = None
    start_s: float | None = None
    end_s: float = 0.0

    @property
    def is_settled(self) -> bool:
        return self.frame is not None or self.decoder.packets > _MAX_PACKETS


@dataclass(slots=True)
class _Look:
    """The state of one look into a file."""

    found: dict[int, _Found] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    complete: bool = False


def probe(path: str, limits: Limits, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> Fields:
    """Fields of MediaInfo.

    Raises:
        RefusedError: It can't be used; the reason says why.
    """
    deadline = clock() + _SOFT_FRACTION * timeout_s
    with open_media(path, limits) as container:
        warnings: list[str] = []
        videos, audios = _candidates(container, limits, warnings)
        look = _look(container, videos, audios, limits, lambda: clock() > deadline)
        video = next((look.found[s.index] for s in videos if look.found[s.index].frame is not None), None)
        audio = next((look.found[s.index] for s in audios if look.found[s.index].frame is not None), None)
        if video is None and audio is None:
            raise _nothing(path, look, limits)
        for kind, streams, chosen in (("video", videos, video), ("audio", audios, audio)):
            warnings += _undecodable(kind, streams, chosen, look)
        return _info(container, video=video, audio=audio, look=look, warnings=warnings, limits=limits)


def _candidates(container: InputContainer, limits: Limits, warnings: list[str]) -> tuple[list[VideoStream], list[AudioStream]]:
    """Streams worth decoding, checked against the limits by their headers alone."""
    warnings += [
        f"{stream.type} stream {stream.index} has a codec that is not known"
        for stream in container.streams
        if stream.codec_context is None and stream.type in {"video", "audio"}
    ]
    for stream in container.streams.video:
        context = stream.codec_context
        if context is not None and max(context.width * context.height, 0) > limits.max_pixels:
            raise RefusedError(
                "media_too_large",
                f"a picture of {context.width} x {context.height} has more than {limits.max_pixels} pixels",
            )
    duration_s = (container.duration or 0) / av.time_base
    if duration_s > limits.max_duration_s:
        raise RefusedError("media_too_large", f"{duration_s:.0f} s is longer than the limit of {limits.max_duration_s:.0f} s")
    videos, audios = video_candidates(container), audio_candidates(container)
    if not videos and not audios:
        reason = f"no stream that can be decoded among {len(container.streams)}"
        raise RefusedError("media_no_streams", "; ".join([reason, *warnings]))
    return videos, audios


def _look(
    container: InputContainer,
    videos: list[VideoStream],
    audios: list[AudioStream],
    limits: Limits,
    is_over: Callable[[], bool],
) -> _Look:
    """Decodes until the first choice of each kind has given a frame; goes through the rest where the length is unknown."""
    streams: list[VideoStream | AudioStream] = [*videos, *audios]
    look = _Look({stream.index: _Found(Decoder(stream, limits)) for stream in streams})
    firsts = [streams[0].index for streams in (videos, audios) if streams]
    duration_is_known = bool(container.duration)
    for packet, error in demux(container, streams):
        if packet is None:
            look.errors.append(error)
            continue
        found = look.found[packet.stream_index if packet.size else packet.stream.index]
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            found.end_s = max(found.end_s, float(end))
        if found.frame is None:
            _first(found, found.decoder.decode(packet))
        is_settled = all(look.found[index].is_settled for index in firsts)
        if (is_settled and duration_is_known) or is_over():
            return look
    look.complete = True
    return look


def _first(found: _Found, frames: list[VideoFrame | AudioFrame]) -> None:
    if not frames:
        return
    frame = frames[0]
    found.frame = frame
    found.start_s = seconds(frame.pts, frame.time_base)


def _nothing(path: str, look: _Look, limits: Limits) -> RefusedError:
    decoders = [found.decoder for found in look.found.values()]
    if any(decoder.encrypted for decoder in decoders) or declares_encryption(path):
        return RefusedError("media_encrypted", "the streams are encrypted (DRM); send a file that any player can play")
    errors = [*look.errors, *(decoder.last_error for decoder in decoders if decoder.last_error)]
    if not any(decoder.packets for decoder in decoders) and any(d.stream.frames or d.stream.duration for d in decoders):
        return RefusedError("media_truncated", "the file is cut off: its index names frames that are not in it")
    if not any(decoder.packets for decoder in decoders) and not errors:
        return RefusedError("media_no_frames", "there are streams, but not one picture or sound in them")
    large = too_large(log_tail(), limits)
    if large is not None:
        return large
    count = sum(decoder.errors for decoder in decoders)
    reason = f"nothing can be decoded: {count} errors, the last: {errors[-1] if errors else 'no complete frame'}"
    return RefusedError("media_unreadable", reason)


def _undecodable(kind: str, streams: list[VideoStream] | list[AudioStream], chosen: _Found | None, look: _Look) -> list[str]:
    warnings = []
    for stream in streams:
        found = look.found[stream.index]
        if found is chosen:
            break
        if found.frame is None:
            why = "encrypted" if found.decoder.encrypted else found.decoder.last_error or "no frame in it"
            warnings.append(f"{kind} stream {stream.index} ({codec_name(stream)}) can't be decoded: {why}")
    return warnings


def _info(
    container: InputContainer,
    *,
    video: _Found | None,
    audio: _Found | None,
    look: _Look,
    warnings: list[str],
    limits: Limits,
) -> Fields:
    duration = (container.duration or 0) / av.time_base
    start = container.start_time
    end_s = duration + (start or 0) / av.time_base if duration else 0.0
    if not duration:
        end_s = max((found.end_s for found in (video, audio) if found), default=0.0)
    if not duration and not container.format.name.endswith("_pipe"):
        warnings.append(
            "the container does not say how long it is" + ("" if look.complete else "; neither was the end reached in time")
        )
    info: Fields = {
        "container": container.format.name,
        "bit_rate": min(container.bit_rate or 0, _INT32_MAX),
        "stream_count": len(container.streams),
    }
    ends = []
    if video is not None:
        info["video"] = _video(video, end_s, warnings, limits)
        ends.append(info["video"]["start_s"] + info["video"]["duration_s"])
    if audio is not None:
        info["audio"] = _audio(audio, end_s)
        ends.append(info["audio"]["start_s"] + info["audio"]["duration_s"])
    zero_s = info["video" if video is not None else "audio"]["start_s"]
    info["duration_s"] = max(0.0, max(ends) - zero_s)
    if info["duration_s"] > limits.max_duration_s:
        raise RefusedError(
            "media_too_large", f"{info['duration_s']:.0f} s is longer than the limit of {limits.max_duration_s:.0f} s"
        )
    if video is not None and audio is not None and abs(info["audio"]["start_s"] - zero_s) > 0.1:  # noqa: PLR2004 - audible
        warnings.append(f"audio starts {info['audio']['start_s'] - zero_s:+.3f} s from the first frame")
    info["warnings"] = warnings
    return info


def _duration(found: _Found, container_end_s: float) -> float:
    """Length of a stream: as it says itself (header, Matroska tag), else up to the end of the container."""
    stream = found.decoder.stream
    start_s = found.start_s or 0.0
    if stream.duration and stream.time_base:
        own = float(stream.duration * stream.time_base)
        header_start = float((stream.start_time or 0) * stream.time_base)
        own -= max(0.0, min(start_s - header_start, own))
        if own > 0:
            return own
    tag = stream.metadata.get("DURATION", "")
    parts = tag.split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdigit() for part in parts):  # noqa: PLR2004 - h:m:s
        own = int(float(parts[0])) * 3600 + int(float(parts[1])) * 60 + float(parts[2]) - start_s
        if own > 0 and math.isfinite(own):
            return own
    return max(0.0, container_end_s - start_s)


def _video(found: _Found, container_end_s: float, warnings: list[str], limits: Limits) -> Fields:
    stream, frame = found.decoder.stream, found.frame
    assert isinstance(stream, VideoStream)  # noqa: S101 - for the type checker
    assert isinstance(frame, VideoFrame)  # noqa: S101 - for the type checker
    if found.start_s is None:
        warnings.append("the first frame has no timestamp; it is taken as time 0")
    turn = orientation(frame)
    aspect = float(stream.sample_aspect_ratio or 1)
    if not 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT:
        warnings.append(f"a pixel aspect ratio of {aspect:g} is not believed; taken as square")
        aspect = 1.0
    width, height = displayed_size(frame.width, frame.height, aspect, turn)
    if width * height > limits.max_pixels:
        raise RefusedError("media_too_large", f"a picture of {width} x {height} has more than {limits.max_pixels} pixels")
    if turn.mirrored:
        warnings.append("the picture is marked as mirrored; it is shown as marked")
    if (stream.width, stream.height) != (frame.width, frame.height):
        warnings.append(f"the header says {stream.width} x {stream.height}, the pictures are {frame.width} x {frame.height}")
    transfer = _TRANSFERS.get(frame.color_trc) or _TRANSFERS.get(stream.codec_context.color_trc, "")
    primaries = _PRIMARIES.get(frame.color_primaries) or _PRIMARIES.get(stream.codec_context.color_primaries, "")
    components = frame.format.components
    duration_s = _duration(found, container_end_s)
    return {
        "codec": codec_name(stream),
        "width": width,
        "height": height,
        "coded_width": frame.width,
        "coded_height": frame.height,
        "rotation_degrees": turn.degrees,
        "frame_rate": _frame_rate(stream, duration_s),
        "declared_frame_count": min(max(stream.frames, 0), _INT32_MAX),
        "pixel_format": frame.format.name,
        "bit_depth": max((component.bits for component in components), default=8),
        "color_transfer": transfer,
        "color_primaries": primaries,
        "hdr": transfer in _HDR,
        "duration_s": duration_s,
        "start_s": found.start_s or 0.0,
        "bit_rate": min(stream.bit_rate or 0, _INT32_MAX),
        "has_alpha": any(component.is_alpha for component in components),
    }


def _frame_rate(stream: VideoStream, duration_s: float) -> float:
    low, high = _RATE_RANGE
    rates = [float(rate) for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    if stream.frames > 1 and duration_s > 0:
        rates.append(stream.frames / duration_s)
    return next((rate for rate in rates if low <= rate <= high), 0.0)


def _audio(found: _Found, container_end_s: float) -> Fields:
    stream, frame = found.decoder.stream, found.frame
    assert isinstance(stream, AudioStream)  # noqa: S101 - for the type checker
    assert isinstance(frame, AudioFrame)  # noqa: S101 - for the type checker
    return {
        "codec": codec_name(stream),
        "sample_rate": frame.sample_rate,
        "channels": len(frame.layout.channels),
        "channel_layout": frame.layout.name,
        "duration_s": _duration(found, container_end_s),
        "start_s": found.start_s or 0.0,
        "bit_rate": min(stream.bit_rate or 0, _INT32_MAX),
    }
