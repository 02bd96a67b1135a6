"""Reads and writes sound for tests across packages: real speech in containers whose truth is known by construction."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Shape [channels, samples], full scale = 1."""

_FRAME = 1024
_FPS = 25


def read(path: Path, rate: int) -> Samples:
    """The first audio stream as mono at `rate`, shape [1, samples]."""
    resampler = av.AudioResampler("fltp", "mono", rate)
    parts: list[Samples] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            parts.extend(part.to_ndarray() for part in resampler.resample(frame))
        parts.extend(part.to_ndarray() for part in resampler.resample(None))
    return np.concatenate(parts, axis=1)


def write(path: Path, samples: Samples, rate: int, *, layout: str = "", start_s: float = 0.0, video_s: float = 0.0) -> Path:
    """Writes 16-bit PCM, in a container that its name tells, with gray pictures beside it if asked.

    Args:
        path: E.g. "x.wav", or "x.mkv" for what WAV can't say.
        samples: What is heard.
        rate: Hz.
        layout: FFmpeg's name; mono or stereo by the number of channels where empty.
        start_s: Time of the first sample, with video only.
        video_s: Length of the video; 0: none.
    """
    layout = layout or ("mono" if samples.shape[0] == 1 else "stereo")
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("ffv1", rate=_FPS) if video_s else None
        if video is not None:
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio: Any = container.add_stream("pcm_s16le", rate=rate)
        audio.layout = layout
        packets = [*_pictures(video, round(video_s * _FPS)), *_sounds(audio, samples, rate, layout, start_s)]
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    return path


def _pictures(stream: Any, count: int) -> list[Any]:
    packets: list[Any] = []
    for number in range(count):
        frame = VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, _FPS)
        packets += stream.encode(frame)
    return packets + (list(stream.encode(None)) if stream is not None else [])


def _sounds(stream: Any, samples: Samples, rate: int, layout: str, start_s: float) -> list[Any]:
    packets: list[Any] = []
    whole = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    for first in range(0, whole.shape[1], _FRAME):
        interleaved = np.ascontiguousarray(whole[:, first : first + _FRAME].T.reshape(1, -1))
        frame = AudioFrame.from_ndarray(interleaved, "s16", layout)
        frame.sample_rate = rate
        frame.pts, frame.time_base = round(start_s * rate) + first, Fraction(1, rate)
        packets += stream.encode(frame)
    return packets + list(stream.encode(None))
