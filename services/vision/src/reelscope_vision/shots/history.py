"""The last few seconds of small pictures, by frame number."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of Rec. 709, applied to gamma-coded values: lightness enough for telling black from white."""

_OUTER_SHARE = 0.1
"""Of the places, left out at either end of a picture's spread: a watermark or subtitle on black must not count as a picture."""

_BAR = 6
"""Grey levels by which the places of a row or column of a bar differ at most."""


@dataclass(frozen=True, slots=True)
class SmallFrame:
    """One frame and what is measured on it.

    Attributes:
        index: Number of the decoded frame.
        time_s: When it is shown.
        end_s: Until when.
        picture: [27, 48, 3] RGB.
        luma: Mean, 0..255.
        spread: 90th minus 10th percentile of the luma, 0..255: nearly 0 for a plain picture.
        contrast: Standard deviation of the luma, 0..128.
        change: Mean absolute difference from the frame before, 0..255; 0 for the first.
        luma_map: Shape [27, 48], 0..255.
        rows: Shape [27]: those that show something, and are not of a bar.
        columns: Shape [48]: the same.
    """

    index: int
    time_s: float
    end_s: float
    picture: Image
    luma: float
    spread: float
    contrast: float
    change: float
    luma_map: NDArray[np.float32]
    rows: NDArray[np.bool_]
    columns: NDArray[np.bool_]


class History:
    """Frames by position: 0 is the first frame that was ever appended, and old ones are dropped."""

    def __init__(self) -> None:
        self._frames: deque[SmallFrame] = deque()
        self._dropped = 0

    def __len__(self) -> int:
        """One more than the last position."""
        return self._dropped + len(self._frames)

    def __getitem__(self, position: int) -> SmallFrame:
        """The frame at a position, or the oldest or newest one that is kept where the position lies outside."""
        return self._frames[min(max(position - self._dropped, 0), len(self._frames) - 1)]

    def append(self, *, index: int, time_s: float, end_s: float, picture: Image) -> None:
        """Takes the next frame and measures it."""
        luma_map = picture.astype(np.float32) @ LUMA
        ordered = np.sort(luma_map, axis=None)
        outside = int(_OUTER_SHARE * len(ordered))
        rows, columns = ((np.ptp(picture, axis=axis) > _BAR).any(axis=1) for axis in (1, 0))
        change = difference(picture, self._frames[-1].picture) if self._frames else 0.0
        self._frames.append(
            SmallFrame(
                index=index,
                time_s=time_s,
                end_s=end_s,
                picture=picture,
                luma=float(luma_map.mean()),
                spread=float(ordered[-1 - outside] - ordered[outside]),
                contrast=float(luma_map.std()),
                change=change,
                luma_map=luma_map,
                rows=rows,
                columns=columns,
            )
        )

    def drop_before(self, position: int) -> None:
        """Forgets the frames before a position, but never the newest one."""
        while self._dropped < position and len(self._frames) > 1:
            self._frames.popleft()
            self._dropped += 1


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two pictures, 0..255."""
    return float(np.abs(first.astype(np.int16) - second).mean())
