"""What the decoder is asked for and what it gives: specifications of frames and audio, and the items made to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Picture, shape [height, width, 3], RGB, 0..255, as displayed (rotated, square pixels)."""

Samples = NDArray[np.float32]
"""Audio, shape [channels, samples], nominally -1..1 (inter-sample and float sources may exceed it)."""

T_co = TypeVar("T_co", covariant=True)

Fit = Literal["stretch", "letterbox", "inside"]


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """Which frames, and how large.

    Attributes:
        width: Target width in pixels.
        height: Target height in pixels.
        fps: At most so many frames a second, evenly spread by timestamp; None: every decoded frame.
        fit: "stretch" ignores the aspect ratio; "letterbox" keeps it, centred on black, and always gives width x height;
            "inside" keeps it and gives the largest picture that fits into width x height (or height x width for a
            vertical clip), never larger than the source.
    """

    width: int
    height: int
    fps: float | None = None
    fit: Fit = "inside"


@dataclass(frozen=True, slots=True)
class AudioSpec:
    """Which audio.

    Attributes:
        sample_rate: Hz; None: as in the file.
        mono: Mixed down to one channel (mean); else every channel of the file.
        chunk_s: Length of the chunks that are delivered; the last may be shorter.
    """

    sample_rate: int | None = 16000
    mono: bool = True
    chunk_s: float = 1.0


Spec = FrameSpec | AudioSpec


@dataclass(frozen=True)
class Item(Generic[T_co]):
    """One value at its time.

    Attributes:
        source: Name of the input that it came by: "frames", "audio" or the name of a feature or analyzer.
        time_s: Start, seconds from the first shown frame (from the first sample where there is no video).
        end_s: End.
        index: For frames: 0-based number of the decoded frame. For audio: number of the chunk's first sample since time
            zero. For features: as the feature says.
        value: `Image` for frames, `Samples` for audio.
    """

    source: str
    time_s: float
    end_s: float
    index: int
    value: T_co


AnyItem = Item[Any]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a source picture lies within a letterboxed one; turns the one's coordinates into the other's.

    Attributes:
        scale: Letterboxed pixels per source pixel.
        left: Width of the left bar, in pixels.
        top: Height of the upper bar, in pixels.
        width: Size of the picture between the bars.
        height: Size of the picture between the bars.
    """

    scale: float
    left: int
    top: int
    width: int
    height: int


def letterbox(source_width: int, source_height: int, width: int, height: int) -> Placement:
    """Placement of a source picture centred in width x height; the decoder and the analyzers share this one rule."""
    scale = min(width / source_width, height / source_height)
    inner_width = max(1, min(width, round(source_width * scale)))
    inner_height = max(1, min(height, round(source_height * scale)))
    return Placement(scale, (width - inner_width) // 2, (height - inner_height) // 2, inner_width, inner_height)
