"""Which lines are one text, and which are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Final

import numpy as np
from rapidfuzz.distance import Levenshtein

from reelscope_vision.text.belief import better
from reelscope_vision.text.line import covered
from reelscope_vision.text.occurrence import Occurrence

_AT_ONCE_S: Final = 0.15
"""Seconds between two texts of which the one is the other's beginning or end: a look lies between them at most."""

_TOGETHER_S: Final = 0.15
"""Seconds from which two texts that say the same are two: one of them is not where the other one goes on."""

_MOVES: Final = 0.3
"""Of the picture's size, that a text moves by from look to look."""

_PASSING_S: Final = 0.5
"""Seconds from which a text is one by itself, though the next one says more."""

_STAYS: Final = 0.25
"""Of the way that the other side grows by, how far the side may move that a text and a part of it share. Words that pop up one
by one are centred: "you" grows to both sides where "your" follows it."""

_MOMENT_S: Final = 0.15
"""Seconds up to which a text may be two that fade into each other."""

_SURE: Final = 0.98
"""Confidence from which it is not."""

_LIKE: Final = 0.5
"""Similarity of the texts from which it may be."""

_COVERED: Final = 0.5
"""Of a text's place, in which another one stands."""

_PERIOD_S: Final = 5.0
"""Seconds of a period: it has few captions, and a mark that stays for an hour is in 720 of them."""


def joined(found: Sequence[Occurrence]) -> list[Occurrence]:
    """One occurrence of what belongs together, each with the reading that is surest.

    Attempts at one text that take each other up are joined; a text that goes on elsewhere is; and one that was read before all
    of it was there, or after. Two texts that were read through each other, while the one gives way to the other, are none.
    """
    chains: dict[int, list[Occurrence]] = {}
    first: dict[int, int] = {}
    for one in sorted(found, key=lambda occurrence: occurrence.number):
        first[one.number] = one.number if one.before is None else first.get(one.before, one.number)
        chains.setdefault(first[one.number], []).append(one)
    whole = [_joined(chain, reduce(_better, sorted(chain, key=lambda one: -one.seconds))) for chain in chains.values()]
    whole.sort(key=lambda one: one.seconds)
    periods = _Periods()
    for at, one in enumerate(whole):
        periods.add(at, one)
    kept = []
    for at, one in enumerate(whole):
        near = [later for later in periods.around(one) if later > at and _gap_s(one, whole[later]) <= _AT_ONCE_S]
        host = next((later for later in near if _goes_on(one, whole[later]) or _is_part(one, whole[later])), None)
        if host is not None:
            whole[host] = _joined([one, whole[host]], whole[host])
            periods.add(host, whole[host])
        elif not any(_is_through(one, whole[later]) or _is_misread(one, whole[later]) for later in near):
            kept.append(one)
    return kept


class _Periods:
    """Which texts are there in each period of the clip, so that a text is compared with those around it only."""

    def __init__(self) -> None:
        self._texts: defaultdict[int, set[int]] = defaultdict(set)

    def add(self, text: int, spans: Occurrence) -> None:
        """The text is there at that time."""
        for period in range(int(spans.start_s // _PERIOD_S), int(spans.end_s // _PERIOD_S) + 1):
            self._texts[period].add(text)

    def around(self, one: Occurrence) -> list[int]:
        """Texts that may be there at the same time as one, or next to it, in order."""
        first, last = (one.start_s - _AT_ONCE_S) // _PERIOD_S, (one.end_s + _AT_ONCE_S) // _PERIOD_S
        return sorted(set[int]().union(*(self._texts[period] for period in range(int(first), int(last) + 1))))


def _better(one: Occurrence, other: Occurrence) -> Occurrence:
    return one if better(one.reading, other.reading) is one.reading else other


def _joined(chain: Sequence[Occurrence], best: Occurrence) -> Occurrence:
    opening = min(chain, key=lambda one: one.first_frame)
    closing = max(chain, key=lambda one: one.last_frame)
    moved = sorted((one for one in chain if one is best or _goes_on(one, best)), key=lambda one: one.first_frame)
    return replace(
        best,
        start_s=opening.start_s,
        end_s=closing.end_s,
        first_frame=opening.first_frame,
        last_frame=closing.last_frame,
        corners=np.concatenate([one.corners for one in moved]),
        times_s=(opening.start_s, *[time_s for one in moved for time_s in one.times_s][1:]),
    )


def _gap_s(one: Occurrence, other: Occurrence) -> float:
    """Seconds between two texts; how long they are there together, as a negative number."""
    return max(one.start_s, other.start_s) - min(one.end_s, other.end_s)


def _goes_on(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text is the same as another that is there before or after it, and not far from it."""
    if one.plain != other.plain:
        return False
    is_same_time = _gap_s(one, other) < -_TOGETHER_S and not (one.is_glimpse and not other.is_glimpse)
    near = np.abs(one.corners[:, None].mean(axis=2) - other.corners[None].mean(axis=2)).max(axis=2).min()
    return not is_same_time and bool(near <= _MOVES)


def _is_part(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text is a part of a longer one, which it was read as while that came or went: where that has this part."""
    part, whole = one.plain, other.plain
    at = whole.find(part)
    if one.seconds >= _PASSING_S or at < 0 or len(part) == len(whole) or part.isdecimal():
        return False
    ours, theirs = one.place, other.place
    left, right = float(abs(ours[0, 0] - theirs[0, 0])), float(abs(ours[1, 0] - theirs[1, 0]))
    is_within = float(ours[0, 0]) >= float(theirs[0, 0]) and float(ours[1, 0]) <= float(theirs[1, 0])
    stays = left <= _STAYS * right if at == 0 else right <= _STAYS * left if at + len(part) == len(whole) else is_within
    return stays and float(abs(ours[0, 1] - theirs[0, 1])) <= float(theirs[3, 1] - theirs[0, 1]) / 2


def _is_misread(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text was there for a moment only, and is much like another one in its place that was read more surely."""
    if one.seconds > _MOMENT_S or one.reading.confidence >= min(_SURE, other.reading.confidence):
        return False
    ours, theirs = one.plain, other.plain
    if [letter for letter in ours if letter.isdecimal()] != [letter for letter in theirs if letter.isdecimal()]:
        return False
    return Levenshtein.normalized_similarity(ours, theirs) >= _LIKE and covered(other.box, one.box) > _COVERED


def _is_through(one: Occurrence, other: Occurrence) -> bool:
    """Whether a text was seen at one look only, where another one was at that time."""
    return (
        one.is_glimpse
        and not other.is_glimpse
        and _gap_s(one, other) < -one.seconds / 2
        and covered(other.box, one.box) > _COVERED
    )
