"""Who is the same person again: made embeddings of made tracks."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.features.people import SAME_PERSON, _persons, _Track


def tracks_of(*embeddings: NDArray[np.float64], beside: dict[int, set[int]] | None = None) -> dict[int, _Track]:
    return {number: _Track(one, (beside or {}).get(number, set())) for number, one in enumerate(embeddings, start=1)}


def test_tracks_of_like_faces_are_one_person() -> None:
    random = np.random.default_rng(0)
    anna, ben = (random.standard_normal(64) for _ in range(2))
    looks = [anna + 0.3 * random.standard_normal(64), ben, anna, ben + 0.3 * random.standard_normal(64), anna]
    assert _persons([1, 2, 3, 4, 5], tracks_of(*looks)) == {1: 1, 2: 2, 3: 1, 4: 2, 5: 1}


def test_who_is_in_the_picture_together_is_never_one_person() -> None:
    twin = np.ones(8)
    together = {1: {2}, 2: {1}}
    assert _persons([1, 2, 3], tracks_of(twin, twin, twin, beside=together)) == {1: 1, 2: 2, 3: 1}


def test_hundreds_of_tracks_are_no_trouble() -> None:
    random = np.random.default_rng(1)
    people = [random.standard_normal(128) for _ in range(40)]
    looks = [people[at % 40] + 0.2 * random.standard_normal(128) for at in range(400)]
    persons = _persons(list(range(1, 401)), tracks_of(*looks))
    assert len(set(persons.values())) == 40
    assert all(persons[number] == persons[(number - 1) % 40 + 1] for number in persons)


def test_nobody_and_tracks_too_short_for_a_look() -> None:
    assert _persons([], {}) == {}
    assert _persons([3, 7], {}) == {3: 1, 7: 2}


def merged_one_by_one(tracks: dict[int, _Track]) -> dict[int, int]:
    """The same, by its definition: the two most alike of all groups become one, until none are alike enough."""
    groups = [{number} for number in tracks]

    def likeness(first: set[int], second: set[int]) -> float:
        if any(tracks[number].beside & second for number in first):
            return -1.0
        means = [np.sum([tracks[number].embedding for number in group], axis=0) for group in (first, second)]
        return float(means[0] @ means[1] / np.linalg.norm(means[0]) / np.linalg.norm(means[1]))

    while len(groups) > 1:
        first, second = max(combinations(groups, 2), key=lambda pair: likeness(*pair))
        if likeness(first, second) < SAME_PERSON:
            break
        groups = [group for group in groups if group not in (first, second)] + [first | second]
    return {number: person for person, group in enumerate(sorted(groups, key=min), start=1) for number in group}


@pytest.mark.parametrize("seed", range(5))
def test_every_merge_counts_for_the_next(seed: int) -> None:
    """Faces so unlike themselves that merged ones come nearer to others and farther from others still."""
    random = np.random.default_rng(seed)
    people = [random.standard_normal(16) for _ in range(4)]
    looks = [people[at % 4] + 0.7 * random.standard_normal(16) for at in range(24)]
    beside: dict[int, set[int]] = {number: set() for number in range(1, 25)}
    for first, second in random.integers(1, 25, (12, 2)).tolist():
        if first != second:
            beside[first].add(second)
            beside[second].add(first)
    tracks = tracks_of(*looks, beside=beside)
    persons = _persons(list(tracks), tracks)
    assert persons == merged_one_by_one(tracks)
    assert 4 <= len(set(persons.values())) < 24
