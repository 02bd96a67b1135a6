"""Feature "flow": how the background moves between sampled pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.camera.background import (
    STILL,
    Gray,
    Similarity,
    agreeing,
    corners_of,
    follow,
    growth,
    is_drawn,
    similarity,
)
from reelscope_vision.camera.flow import Flow
from reelscope_vision.features.person_mask import PersonMask
from reelscope_vision.features.pictures import pictures_at
from reelscope_vision.scaling import shrunk

SAMPLED_RATE: Final = 10.0
"""Pictures a second: shake is up to 5 Hz, and a whip pan of two frame widths a second moves a fifth of the picture."""

_LONGEST: Final = 320
"""Pixels of the longer side in which corners are followed."""

_SAME: Final = 0.25
"""Grey levels: two pictures with a smaller mean difference are one, coded twice."""

_PERSON: Final = 0.3
"""Where the mask is above this, or near it, corners may be a person's."""

_MOST: Final = 5.0
"""Logarithm of a growth that no lens can do."""

_TOGETHER: Final = 0.6
"""Share of all corners, a person's too, from which the whole picture moves as one; captions on it stand still."""

_SPREAD: Final = np.ones((9, 9), np.uint8)
"""Pixels of the mask's 256 x 144 by which persons are taken larger: a person moves a little between two masks."""


class FlowFeature(Feature):
    """Motion of the background, persons left out where there are masks; `index` is the number of the decoded frame."""

    name = "flow"
    version = "3"
    frames = pictures_at(SAMPLED_RATE)
    wants = ("person_mask",)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._gray: Gray | None = None
        self._since_s = 0.0
        self._persons: NDArray[np.uint8] | None = None

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a frame or a mask; a mask comes just after its frame, so that it serves for the next ones."""
        if isinstance(item.value, PersonMask):
            if not item.value.repeated:
                self._persons = np.asarray(cv2.dilate((item.value.alpha > _PERSON).astype(np.uint8), _SPREAD), np.uint8)
            return
        gray = _small(item.value)
        before, since_s = self._gray, self._since_s
        self._gray, self._since_s = gray, item.time_s
        if before is None or item.time_s <= since_s:
            return
        yield Item(self.name, item.time_s, item.end_s, item.index, self._flow(before, gray, since_s, item.time_s))

    def _flow(self, before: Gray, after: Gray, since_s: float, time_s: float) -> Flow:
        height, width = after.shape
        elapsed_s = time_s - since_s
        start, end = np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
        if float(cv2.absdiff(before, after).mean()) < _SAME:
            moved: Similarity | None = STILL
        else:
            start, end = follow(before, after, corners_of(before))
            background = self._is_background(start, before.shape)
            moved = similarity(start[background], end[background], before.shape)
            if (moved is None or not moved.is_rest) and is_drawn(before, start):
                moved, start, end = None, start[:0], end[:0]
        if moved is None:
            together = float(agreeing(start, end).mean()) if len(start) else 0.0
            grown = _a_second(growth(start, end), elapsed_s) if together >= _TOGETHER else 0.0
            return Flow(since_s, 0.0, 0.0, 0.0, 0.0, growth=grown, support=0.0, known=False, aspect=width / height)
        return Flow(
            since_s,
            x=moved.dx / width / elapsed_s,
            y=moved.dy / height / elapsed_s,
            zoom=_a_second(moved.scale, elapsed_s),
            roll=moved.angle / elapsed_s,
            growth=0.0 if moved.is_rest else _a_second(growth(start, end), elapsed_s),
            support=moved.support,
            known=True,
            aspect=width / height,
        )

    def _is_background(self, points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        if self._persons is None:
            return np.ones(len(points), bool)
        rows, columns = self._persons.shape
        scaled = (points * (columns / shape[1], rows / shape[0])).astype(int)
        return np.asarray(self._persons[scaled[:, 1].clip(0, rows - 1), scaled[:, 0].clip(0, columns - 1)] == 0)


def _small(picture: NDArray[np.uint8]) -> Gray:
    scale = min(1.0, _LONGEST / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    # Grey first: one channel to scale instead of three.
    return shrunk(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8), size)


def _a_second(scale: float, elapsed_s: float) -> float:
    """Growth over a second at the same pace: sizes multiply."""
    return math.expm1(max(-_MOST, min(_MOST, math.log(max(scale, 1e-3)) / elapsed_s)))
