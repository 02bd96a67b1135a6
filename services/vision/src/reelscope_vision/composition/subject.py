"""What the pictures of a shot are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np

from reelscope_vision.composition.candidate import Candidate, Kind
from reelscope_vision.composition.division import Sample
from reelscope_vision.composition.framing import outside
from reelscope_vision.composition.layout import PictureLayout

_OFTEN: Final = 0.25
"""Share of a shot's pictures in which a person (or an object) must be found for the shot to be about people (or objects)."""


def samples_of(
    subjects: Sequence[tuple[float, tuple[Candidate, ...]]], layouts: Sequence[tuple[float, PictureLayout]]
) -> list[Sample]:
    """The subject of each picture of one shot: the person who is largest for longest, else such an object, else what
    stands out.

    Args:
        subjects: People and objects, by time.
        layouts: What stands out, by time.
    """
    rank: defaultdict[str, float] = defaultdict(float)
    count: defaultdict[Kind, int] = defaultdict(int)
    for _, found in subjects:
        for candidate in found:
            rank[candidate.key] += float(candidate.numbers[11])
        for kind in {candidate.kind for candidate in found}:
            count[kind] += 1
    kinds: list[Kind] = [kind for kind in ("person", "object") if count[kind] >= _OFTEN * len(subjects) and count[kind]]
    samples = []
    best: Candidate | None = None
    layout_times_s = np.array([time_s for time_s, _ in layouts])
    halfway_s = (layout_times_s[1:] + layout_times_s[:-1]) / 2
    for time_s, found in subjects:
        able = [one for one in found if one.kind in kinds]
        # Of several bottles it is the one that it was.
        was = best
        best = min(able, key=lambda one: (kinds.index(one.kind), -rank[one.key], _apart(one, was)), default=None)
        if not kinds:
            nearest = int(np.searchsorted(halfway_s, time_s))
            best = _region(layouts[nearest][1])
        samples.append(Sample(time_s, best, found))
    return samples


def _apart(one: Candidate, other: Candidate | None) -> float:
    """Distance of two subjects; the larger comes first where there is nothing to compare with."""
    if other is None or other.key != one.key:
        return -float(one.numbers[11])
    return float(np.hypot(*(one.numbers[8:10] - other.numbers[8:10])))


def _region(layout: PictureLayout) -> Candidate | None:
    region = layout.saliency.region
    if region is None:
        return None
    box = outside(region, layout.bars)
    return Candidate.make("region", "region", box=box, score=layout.saliency.sureness / 2, size=box[2] * box[3])
