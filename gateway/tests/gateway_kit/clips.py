"""Tiny clips, made here."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

RATE = 8000


def write_clip(path: Path, *, seconds: float = 1.0, video: bool = True, audio: bool = True, shade: int = 128) -> Path:
    """A grey picture and a tone."""
    with av.open(str(path), "w") as container:
        if video:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if audio:
            sound = container.add_stream("aac", rate=RATE)
        if video:
            for _ in range(int(10 * seconds)):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if audio:
            wave = np.sin(np.arange(int(RATE * seconds)) * 440 * 2 * np.pi / RATE).astype(np.float32)
            chunk = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            chunk.sample_rate = RATE
            container.mux(sound.encode(chunk))
            container.mux(sound.encode())
    return path
