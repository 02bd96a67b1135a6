"""Pictures into clips and clips into pictures, for clips whose truth is known by construction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""Shape [height, width, 3] (or 4 with alpha), 0..255, RGB."""

_MILLISECOND = Fraction(1, 1000)


def read(path: Path, count: int | None = None) -> list[Picture]:
    """The first `count` pictures of a clip as they were coded; all where none is given."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        return [frame.to_ndarray(format="rgb24") for frame in islice(frames, count)]


def write(
    path: Path,
    pictures: Iterable[Picture],
    *,
    fps: float = 25.0,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a clip without sound.

    Args:
        path: Its suffix chooses the container.
        pictures: All of one size; four channels: with alpha.
        fps: Their rate.
        times_s: Their times where the rate is not constant, rounded to milliseconds.
        codec: Name of an encoder.
        pixel_format: That it writes.
        rotation: Degrees, stated in the container.
        options: Of the encoder; a quality near the eye's limit where there are none.
    """
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = pixel_format
        stream.options = {"crf": "18", "preset": "veryfast"} if options is None else options
        base = _MILLISECOND if times_s is not None else 1 / Fraction(fps).limit_denominator(1001)
        stream.codec_context.time_base = base
        for number, picture in enumerate(pictures):
            if not number:
                stream.height, stream.width = picture.shape[:2]
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgba" if picture.shape[2] == 4 else "rgb24")
            frame.pts = number if times_s is None else round(times_s[number] / _MILLISECOND)
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
