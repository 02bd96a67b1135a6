"""Reads the network's two probability curves: where a transition begins, peaks and ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_PEAK = 0.5
"""Probability of a transition's middle that makes one; the network's authors use 0.5."""

LEAST_GRADUAL_PEAK = 0.2
"""The same where the network also marks `SURE_SPAN` frames around as part of a transition: long fades peak lower."""

SURE_SPAN = 5
"""Network frames."""

_NEAR_MIDDLE = 0.2
"""From here on the middle of a transition is near."""

_PART = 0.3
"""From here on a frame belongs to a transition; the curve is steep, between 0.1 and 0.8 lie two frames."""

_BREAK = 2
"""Network frames below both that may lie within one transition."""


@dataclass(frozen=True, slots=True)
class Span:
    """A transition as the network sees it, in network frames; all ends are included.

    Attributes:
        first: First frame that is part of it.
        last: Last frame that is part of it.
        part_count: How many frames the network marks as part of it.
        middle_first: First frame near its middle.
        middle_last: Last frame near its middle.
        middle: Where the middle is likeliest: the last frame of the old shot for a cut.
        peak: The probability there.
    """

    first: int
    last: int
    part_count: int
    middle_first: int
    middle_last: int
    middle: int
    peak: float


class SpanReader:
    """Takes probabilities in order and gives spans in order, each as soon as it is over.

    Args:
        longest: Network frames after which a span is taken as over.
    """

    def __init__(self, *, longest: int) -> None:
        self._longest = longest
        self._base = 0
        self._middle: list[float] = []
        self._part: list[float] = []

    @property
    def settled(self) -> int:
        """Network frame from which on spans may still begin."""
        return self._base

    def read(self, probabilities: Iterable[tuple[float, float]], *, final: bool, overdue: int = 0) -> list[Span]:
        """Takes the probabilities of the next network frames (middle of a transition, part of one).

        Args:
            probabilities: Pairs in [0,1].
            final: Nothing will follow.
            overdue: Network frame before which spans must be over now.
        """
        for middle, part in probabilities:
            self._middle.append(middle)
            self._part.append(part)
        middles, parts = np.array(self._middle), np.array(self._part)
        count, done = len(middles), len(middles)
        spans: list[Span] = []
        for first, last in _runs((middles >= _NEAR_MIDDLE) | (parts >= _PART), _BREAK):
            is_over = final or count - 1 - last > _BREAK or self._base + first < overdue
            if not is_over and last - first + 1 < self._longest:
                done = first
                break
            spans += self._spans(middles[first : last + 1], parts[first : last + 1], self._base + first)
        del self._middle[:done], self._part[:done]
        self._base += done
        return spans

    @staticmethod
    def _spans(middles: NDArray[np.float64], parts: NDArray[np.float64], offset: int) -> Iterator[Span]:
        """The transitions of one stretch: as many as its middle has peaks; between two peaks it is divided halfway."""
        peaks = [
            (first, last)
            for first, last in _runs(middles >= _NEAR_MIDDLE, _BREAK)
            if middles[first : last + 1].max() >= (LEAST_GRADUAL_PEAK if (parts >= _PART).sum() >= SURE_SPAN else LEAST_PEAK)
        ]
        for number, (first, last) in enumerate(peaks):
            low = (peaks[number - 1][1] + first) // 2 + 1 if number else 0
            high = (last + peaks[number + 1][0]) // 2 if number + 1 < len(peaks) else len(middles) - 1
            marked = [(low + start, low + stop) for start, stop in _runs(parts[low : high + 1] >= _PART, _BREAK)]
            touching = [(start, stop) for start, stop in marked if start <= last + 1 and stop >= first - 1]
            yield Span(
                first=offset + min([first, *(start for start, _ in touching)]),
                last=offset + max([last, *(stop for _, stop in touching)]),
                part_count=sum(int((parts[start : stop + 1] >= _PART).sum()) for start, stop in touching),
                middle_first=offset + first,
                middle_last=offset + last,
                middle=offset + first + int(middles[first : last + 1].argmax()),
                peak=float(middles[first : last + 1].max()),
            )


def _runs(mask: NDArray[np.bool_], bridge: int) -> list[tuple[int, int]]:
    """First and last index of every run of true values; runs with up to `bridge` false ones between are one."""
    indices = np.flatnonzero(mask)
    if not len(indices):
        return []
    groups = np.split(indices, np.flatnonzero(np.diff(indices) > bridge + 1) + 1)
    return [(int(group[0]), int(group[-1])) for group in groups]
