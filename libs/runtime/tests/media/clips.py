"""Clips whose truth is known by construction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Track:
    """Audio: [channels, samples] float32 that starts at `start_s`."""

    samples: NDArray[np.float32]
    rate: int = 48000
    start_s: float = 0.0
    codec: str = "pcm_s16le"


def gray(level: int, width: int = 64, height: int = 48) -> Picture:
    return np.full((height, width, 3), level, np.uint8)


def quadrants(width: int = 64, height: int = 48) -> Picture:
    """Red, green / blue, white: shows rotation and mirroring."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = (255, 255, 255)
    return picture


def make(
    path: Path,
    pictures: Sequence[Picture] = (),
    times_s: Sequence[float] | None = None,
    *,
    fps: int = 25,
    codec: str = "ffv1",
    pixel_format: str = "yuv444p",
    rotation: float = 0.0,
    hflip: bool = False,
    aspect: Fraction | None = None,
    frame_format: str = "rgb24",
    tracks: Sequence[Track] = (),
) -> Path:
    """Writes a clip; `times_s` are the frames' times in milliseconds' precision, else 1 / fps apart."""
    with av.open(str(path), "w") as container:
        video: Any = None
        if len(pictures):
            video = container.add_stream(codec, rate=fps)
            video.height, video.width = pictures[0].shape[:2]
            video.pix_fmt = pixel_format
            base = Fraction(1, 1000) if times_s is not None else Fraction(1, fps)
            video.codec_context.time_base = base
            if aspect is not None:
                video.codec_context.sample_aspect_ratio = aspect
            if rotation or hflip:
                video.set_display_rotation(rotation, hflip=hflip)
        audios: list[Any] = []
        for track in tracks:
            stream: Any = container.add_stream(track.codec, rate=track.rate)
            stream.layout = "mono" if track.samples.shape[0] == 1 else "stereo"
            audios.append(stream)
        packets: list[Any] = []
        for number, picture in enumerate(pictures):
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), frame_format)
            frame.pts = number if times_s is None else round(times_s[number] * 1000)
            frame.time_base = base
            packets += video.encode(frame)
        if video is not None:
            packets += video.encode(None)
        for track, stream in zip(tracks, audios, strict=True):
            packets += _sound(track, stream)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)
    return path


def _sound(track: Track, stream: Any) -> list[Any]:
    packets: list[Any] = []
    channels, count = track.samples.shape
    start = round(track.start_s * track.rate)
    step = stream.codec_context.frame_size or 1024
    for at in range(0, count, step):
        part = np.clip(track.samples[:, at : at + step], -1, 1)
        if stream.codec_context.format.name.startswith("s16"):
            raw = np.round(part * 32767).astype(np.int16).T.reshape(1, -1)
            kind = "s16"
        else:
            raw, kind = np.ascontiguousarray(part), "fltp"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(raw), kind, "mono" if channels == 1 else "stereo")
        frame.sample_rate = track.rate
        frame.pts = start + at
        frame.time_base = Fraction(1, track.rate)
        packets += stream.encode(frame)
    return packets + list(stream.encode(None))


def tone(seconds: float, *, rate: int = 48000, channels: int = 1, hz: float = 440.0) -> NDArray[np.float32]:
    t = np.arange(round(seconds * rate)) / rate
    return np.repeat((0.5 * np.sin(2 * np.pi * hz * t))[None], channels, axis=0).astype(np.float32)


def make_planes(path: Path, planes: Sequence[NDArray[Any]], pixel_format: str, tags: dict[str, int]) -> Path:
    """One frame of given Y, U and V planes, lossless."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = "yuv444p" if pixel_format == "yuvj444p" else pixel_format
        frame = VideoFrame(stream.width, stream.height, stream.pix_fmt)
        for plane, values in zip(frame.planes, planes, strict=True):
            padded = np.zeros((values.shape[0], plane.line_size // values.itemsize), values.dtype)
            padded[:, : values.shape[1]] = values
            plane.update(padded.tobytes())
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
            setattr(frame, name, value)
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_float(path: Path, samples: NDArray[np.float32], rate: int = 48000) -> Path:
    """Float samples as they are, beyond full scale too."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_f32le", rate=rate)
        stream.layout = "mono"
        _mux_float(container, stream, samples, 0, rate)
    return path


def make_with_hole(
    path: Path, first: NDArray[np.float32], second: NDArray[np.float32], *, hole_s: float, rate: int = 48000
) -> Path:
    """Two pieces of sound in one stream with nothing between them."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_f32le", rate=rate)
        stream.layout = "mono"
        _mux_float(container, stream, first, 0, rate)
        _mux_float(container, stream, second, first.shape[1] + round(hole_s * rate), rate)
    return path


def _mux_float(container: Any, stream: Any, samples: NDArray[np.float32], start: int, rate: int) -> None:
    for at in range(0, samples.shape[1], 1024):
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, at : at + 1024]), "flt", "mono")
        frame.sample_rate = rate
        frame.pts = start + at
        frame.time_base = Fraction(1, rate)
        container.mux(stream.encode(frame))
