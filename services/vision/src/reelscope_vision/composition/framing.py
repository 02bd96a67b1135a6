"""How a subject stands in the frame: thirds, headroom, eye line, look room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from reelscope_vision.composition.candidate import Candidate, Place
from reelscope_vision.quality.bars import Bars

_THIRD: Final = 1 / 3
_AS_FAR: Final = float(np.hypot(0.5 - _THIRD, 0.5 - _THIRD))
"""From the middle of the picture to a power point, in picture sizes."""

_NEARER_THIRD: Final = (_THIRD + 0.5) / 2
"""Nearer to the middle than this is "center", nearer to the third line and beyond is a side."""

_ASIDE_DEGREES: Final = 20.0
"""Head yaw from which a face looks to one side: below, it still faces the camera."""

_SIDES: Final = ("left", "center", "right")
_HEIGHTS: Final = ("top", "middle", "bottom")


@dataclass(frozen=True, slots=True)
class Framing:
    """The subject of a stretch in the picture between the bars, in its sizes.

    Attributes:
        box: Of the subject.
        head: Of its head, which may reach beyond the picture; None where none is seen.
        focus: Where the eye goes.
        yaw: Of the head, in degrees, positive to the right; None where no face is seen.
    """

    box: Place
    head: Place | None
    focus: tuple[float, float]
    yaw: float | None

    @classmethod
    def of(cls, subjects: Sequence[Candidate], bars: Bars) -> Self:
        """Medians of a subject's numbers.

        Args:
            subjects: The same in several pictures.
            bars: Around the picture.
        """
        numbers = np.array([one.numbers for one in subjects], np.float64)
        middle = np.median(numbers, axis=0)
        head = yaw = None
        heads = numbers[~np.isnan(numbers[:, 4])]
        if len(heads) * 2 >= len(numbers):
            head = inside(tuple(np.median(heads[:, 4:8], axis=0).tolist()), bars)
        faces = numbers[~np.isnan(numbers[:, 10])]
        if len(faces) * 2 >= len(numbers):
            yaw = float(np.median(faces[:, 10]))
        x, y, *_ = inside((float(middle[8]), float(middle[9]), 0.0, 0.0), bars)
        return cls(inside(tuple(middle[:4].tolist()), bars), head, (x, y), yaw)

    @property
    def rule_of_thirds(self) -> float:
        """1 on a power point, falling with the distance to 0 at that of the middle.

        The distance to the nearest power point as in Mai et al., Rule of thirds detection from photograph, 2011.
        """
        x, y = self.focus
        distance = np.hypot(x - _nearest_third(x), y - _nearest_third(y))
        return float(np.clip(1 - distance / _AS_FAR, 0.0, 1.0))

    @property
    def power_point(self) -> str:
        """The nearest one."""
        x, y = self.focus
        return f"{'top' if y < 0.5 else 'bottom'}_{'left' if x < 0.5 else 'right'}"  # noqa: PLR2004 - the middle

    @property
    def position(self) -> str:
        """left, center or right."""
        return _part(self.focus[0], _SIDES)

    @property
    def vertical(self) -> str:
        """top, middle or bottom."""
        return _part(self.focus[1], _HEIGHTS)

    @property
    def headroom(self) -> float | None:
        """Above the head, in picture heights."""
        return None if self.head is None else max(0.0, self.head[1])

    @property
    def eye_line(self) -> float | None:
        """Height of the eyes from the top."""
        return None if self.yaw is None else float(np.clip(self.focus[1], 0.0, 1.0))

    @property
    def look_room(self) -> float | None:
        """In front of a face that looks aside, in picture widths."""
        if self.head is None or self.yaw is None or abs(self.yaw) < _ASIDE_DEGREES:
            return None
        left, _, width, _ = self.head
        return float(np.clip(1 - left - width if self.yaw > 0 else left, 0.0, 1.0))


def inside(place: tuple[float, ...], bars: Bars) -> Place:
    """A place [x, y, w, h] of the whole picture in sizes of the part between the bars."""
    width, height = 1 - bars.left - bars.right, 1 - bars.top - bars.bottom
    x, y, across, down = place
    return (x - bars.left) / width, (y - bars.top) / height, across / width, down / height


def outside(place: tuple[float, ...], bars: Bars) -> Place:
    """The way back."""
    width, height = 1 - bars.left - bars.right, 1 - bars.top - bars.bottom
    x, y, across, down = place
    return bars.left + x * width, bars.top + y * height, across * width, down * height


def _nearest_third(value: float) -> float:
    return _THIRD if value < 0.5 else 1 - _THIRD  # noqa: PLR2004 - the middle


def _part(value: float, names: tuple[str, str, str]) -> str:
    if abs(value - 0.5) < 0.5 - _NEARER_THIRD:
        return names[1]
    return names[0] if value < 0.5 else names[2]  # noqa: PLR2004 - the middle
