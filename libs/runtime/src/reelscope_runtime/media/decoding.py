"""The one pass over a file: each wanted stream is demuxed and decoded once and feeds all specifications."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.hwaccel import HWAccel
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelscope_runtime.media.items import AudioSpec, FrameSpec, Spec
from reelscope_runtime.media.source import Limits, RefusedError, open_media
from reelscope_runtime.media.streams import Decoder, audio_candidates, codec_name, demux, video_candidates
from reelscope_runtime.media.tracks import Frames, Output, Sound

if TYPE_CHECKING:
    from av.container import InputContainer

_HEARTBEAT_S = 1.0
_EARLY_S = 0.5
"""A stream that ends so much before its header says is reported."""
NVIDIA_DEVICES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""One of them is there where a CUDA device may be."""
_TRIAL_PACKETS = 300
"""Packets after which hardware decoding must have given its first frame."""


def decode(
    path: str, info: Mapping[str, Any], specs: Mapping[str, Spec], *, limits: Limits, hwaccel: str, output: Output
) -> None:
    """Sends all items, then one message of type "end".

    Args:
        path: The file.
        info: Fields of MediaInfo as `probe` gave them.
        specs: What is wanted, by the caller's keys.
        limits: See `Limits`.
        hwaccel: auto, none or cuda.
        output: Sends.

    Raises:
        RefusedError: Nothing at all can be decoded.
    """
    frame_specs = {key: spec for key, spec in specs.items() if isinstance(spec, FrameSpec)}
    audio_specs = {key: spec for key, spec in specs.items() if isinstance(spec, AudioSpec)}

    frames = Frames(info, frame_specs, limits, output) if frame_specs and info.get("video") else None
    sound = Sound(info, audio_specs, limits, output) if audio_specs and info.get("audio") else None
    output.ended = {kind for kind, part in (("video", frames), ("audio", sound)) if part is None}
    warnings: list[str] = []
    if frames is not None or sound is not None:
        container = _open(path, info, limits, hwaccel if frames is not None else "none")
        with container:
            warnings = _Pass(container, info, limits, output).run(frames, sound)
    end = {"video_end_s": frames.end_s if frames else 0.0, "audio_end_s": sound.end_s if sound else 0.0}
    output.send({"type": "end", "warnings": warnings, **end})


def _open(path: str, info: Mapping[str, Any], limits: Limits, hwaccel: str) -> InputContainer:
    """The container, with hardware decoding where that really gives a frame of this file."""
    if hwaccel == "none" or not any(device.exists() for device in NVIDIA_DEVICES):
        return open_media(path, limits)
    try:
        with open_media(path, limits, hwaccel=_cuda()) as trial:
            decoder = Decoder(_video_stream(trial, info["video"]), limits)
            packets = (packet for packet, _ in demux(trial, [decoder.stream]) if packet is not None)
            works = any(decoder.decode(packet) for packet in itertools.islice(packets, _TRIAL_PACKETS))
        if works:
            return open_media(path, limits, hwaccel=_cuda())
    except (RefusedError, RuntimeError, MemoryError, av.FFmpegError):
        # No driver, no such decoder, no memory on the device: whatever it is, the processor can do it.
        return open_media(path, limits)
    return open_media(path, limits)


def _cuda() -> HWAccel:
    return HWAccel("cuda", allow_software_fallback=True)


class _Pass:
    """One pass over the container."""

    def __init__(self, container: InputContainer, info: Mapping[str, Any], limits: Limits, output: Output) -> None:
        self._container = container
        self._info = info
        self._limits = limits
        self._output = output
        self._frames: Frames | None = None
        self._sound: Sound | None = None
        self._beat_s = time.monotonic()
        self._beat_units = 0
        self._errors: list[str] = []

    def run(self, frames: Frames | None, sound: Sound | None) -> list[str]:
        """Decodes everything into the given parts; returns what was odd."""
        self._frames = frames
        self._sound = sound
        decoders: dict[int, Decoder] = {}
        if self._frames is not None:
            decoder = Decoder(_video_stream(self._container, self._info["video"]), self._limits)
            decoders[decoder.stream.index] = decoder
        if self._sound is not None:
            decoder = Decoder(_audio_stream(self._container, self._info["audio"]), self._limits)
            decoders[decoder.stream.index] = decoder
        for packet, error in demux(self._container, [decoder.stream for decoder in decoders.values()]):
            if packet is None:
                self._errors.append(error)
            elif self._feed(decoders[packet.stream.index], packet):
                self._errors.append(f"longer than the limit of {self._limits.max_duration_s:.0f} s")
                break
            self._heartbeat()
        for kind, part in (("video", self._frames), ("audio", self._sound)):
            if part is not None:
                part.finish()
                self._output.ended.add(kind)
        if not any(decoder.frames for decoder in decoders.values()):
            errors = [*self._errors, *(d.last_error for d in decoders.values() if d.last_error)]
            raise RefusedError("media_unreadable", f"nothing can be decoded: {errors[-1] if errors else 'no frame'}")
        return self._warnings(list(decoders.values()))

    def _feed(self, decoder: Decoder, packet: Packet[Stream]) -> bool:
        """Decodes one packet; True where the media is longer than allowed."""
        for frame in decoder.decode(packet):
            self._output.units += 1
            if isinstance(frame, VideoFrame) and self._frames is not None:
                self._frames.take(frame)
            elif isinstance(frame, AudioFrame) and self._sound is not None:
                self._sound.take(frame)
        return self._output.position_s > self._limits.max_duration_s

    def _heartbeat(self) -> None:
        """Says that something was decoded since the last time; a decoder that only spins stays silent."""
        now = time.monotonic()
        if now - self._beat_s > _HEARTBEAT_S and self._output.units > self._beat_units:
            self._beat_s = now
            self._beat_units = self._output.units
            self._output.send({"type": "progress"})

    def _warnings(self, decoders: list[Decoder]) -> list[str]:
        texts: list[str] = []
        zero_s = self._info["video"]["start_s"] if self._info.get("video") else self._info["audio"]["start_s"]
        for decoder in decoders:
            kind = decoder.stream.type
            stream = self._info[kind]
            part = self._frames if kind == "video" else self._sound
            end_s = part.end_s if part is not None else 0.0
            expected_s = stream["start_s"] + stream["duration_s"] - zero_s
            last = decoder.last_error or (self._errors[-1] if self._errors else "")
            why = f": {last}" if last else ""
            if decoder.frames == 0:
                texts.append(f"{kind} can't be decoded{why}")
                continue
            if decoder.errors:
                texts.append(f"{decoder.errors} {kind} packets are broken and were skipped{why}")
            is_only = not (self._info.get("video") and self._info.get("audio"))
            is_sure = bool(why) or is_only or decoder.stream.duration is not None or "DURATION" in decoder.stream.metadata
            if is_sure and end_s < expected_s - _EARLY_S:
                texts.append(f"{kind} ends early at {end_s:.1f} s of {expected_s:.1f} s{why}")
        for part in (self._frames, self._sound):
            if part is not None:
                texts += part.warnings()
        if self._errors:
            texts.append(f"the container is broken in {len(self._errors)} places: {self._errors[-1]}")
        return texts


def _video_stream(container: InputContainer, video: Mapping[str, Any]) -> VideoStream:
    """The stream that the probe described."""
    streams = video_candidates(container)
    same = [s for s in streams if codec_name(s) == video["codec"]]
    exact = [s for s in same if (s.width, s.height) == (video["coded_width"], video["coded_height"])]
    for choice in (exact, same, streams):
        if choice:
            return choice[0]
    raise RefusedError("media_unreadable", "the video stream that the probe saw is not there any more")


def _audio_stream(container: InputContainer, audio: Mapping[str, Any]) -> AudioStream:
    """The stream that the probe described."""
    streams = audio_candidates(container)
    same = [s for s in streams if codec_name(s) == audio["codec"]]
    for choice in (same, streams):
        if choice:
            return choice[0]
    raise RefusedError("media_unreadable", "the audio stream that the probe saw is not there any more")
