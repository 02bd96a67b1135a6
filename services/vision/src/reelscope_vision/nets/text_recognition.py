"""PP-OCRv6's text recogniser: what a line says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.text_detection import TextBox

_HEIGHT: Final = 48
_MEAN: Final = 127.5
_UPRIGHT: Final = 1.5
"""A line so many times as high as wide is written downwards: it is laid on its side, as the network was trained."""

_WIDEST: Final = 2400
"""Pixels: a longer line is squeezed."""


class Net(Protocol):
    """What is used of a loaded network."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The network's own notes: its characters stand under "character"."""

    def run(self, outputs: None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs for the inputs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says.

    Attributes:
        text: Empty where nothing can be read.
        confidence: Mean probability of the characters, in [0,1].
    """

    text: str
    confidence: float


def characters(net: Net) -> list[str]:
    """What the network tells apart: the blank of CTC first, a space last."""
    return ["", *net.metadata["character"].split("\n"), " "]


def cut_out(picture: Image, box: TextBox) -> Image:
    """The line, laid straight, from left to right."""
    width, height = max(1, round(box.width)), max(1, round(box.height))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(box.corners, target)
    line = cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if height >= _UPRIGHT * width:
        line = np.rot90(line)
    return np.ascontiguousarray(line, np.uint8)


def read_line(net: Net, names: Sequence[str], line: Image) -> Reading:
    """Reads one line.

    Args:
        net: Input "x" [1, 3, 48, w], BGR in -1..1; output [1, steps, characters], probabilities (CTC, Graves et al. 2006).
        names: `characters(net)`.
        line: RGB, from left to right.
    """
    height, width = line.shape[:2]
    wide = min(_WIDEST, max(_HEIGHT, math.ceil(_HEIGHT * width / height)))
    scaled = cv2.resize(line, (wide, _HEIGHT))
    fed = (scaled[..., ::-1].astype(np.float32) - _MEAN) / _MEAN
    steps = net.run(None, {"x": np.ascontiguousarray(fed.transpose(2, 0, 1)[None])})[0][0]
    best = steps.argmax(axis=1)
    kept = (best > 0) & np.concatenate([[True], best[1:] != best[:-1]])
    if not kept.any():
        return Reading("", 0.0)
    text = "".join(names[index] for index in best[kept])
    return Reading(text.strip(), float(steps.max(axis=1)[kept].mean()))
