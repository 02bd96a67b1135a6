"""Parts of the picture's height in which lines are or were, and are looked for at every sampled picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.text.line import Look, bounds


@dataclass(slots=True)
class Band:
    """As wide as the picture.

    Attributes:
        top: In pixels of the picture.
        bottom: The same.
        until_s: When it is given up.
        looked: The last look at all of it.
        next_s: When it is looked at next, at the earliest.
        wait_s: For how long it was not looked at before.
    """

    top: float
    bottom: float
    until_s: float
    looked: Look
    next_s: float = 0.0
    wait_s: float = 0.0

    def has(self, box: TextBox) -> bool:
        """Whether a line's middle is in it."""
        _, low, _, high = bounds(box)
        return self.top <= (low + high) / 2 <= self.bottom

    def meets(self, other: Band) -> bool:
        """Whether the two overlap."""
        return self.top <= other.bottom and other.top <= self.bottom


def merged(bands: Iterable[Band]) -> list[Band]:
    """From the top down, those that overlap joined to one."""
    joined: list[Band] = []
    for band in sorted(bands, key=lambda one: one.top):
        if joined and band.meets(joined[-1]):
            host = joined[-1]
            host.bottom, host.until_s = max(host.bottom, band.bottom), max(host.until_s, band.until_s)
            host.next_s = min(host.next_s, band.next_s)
            host.looked = min(host.looked, band.looked, key=lambda one: one.time_s)
        else:
            joined.append(band)
    return joined
