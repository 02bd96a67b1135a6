"""Stretches of equal states, against merging them one by one; and sums of times."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, SupportsIndex

import numpy as np
import pytest

from reelscope_vision.tracking.shares import shares
from reelscope_vision.tracking.stretches import runs, stretches


class Counted(list[float]):
    """Counts how often it is read."""

    reads = 0

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        self.reads += 1
        return super().__getitem__(key)


def merged(states: list[str], times_s: list[float], least_s: float) -> list[tuple[str, int, int]]:
    """The shortest of all goes to its longer neighbour, the earlier of equals first, again and again."""
    owners = list(states)
    while True:
        edges = [0, *(at for at in range(1, len(owners)) if owners[at] != owners[at - 1]), len(owners)]
        spans = list(pairwise(edges))
        lengths = [times_s[beyond] - times_s[first] for first, beyond in spans]
        shortest = int(np.argmin(lengths))
        if lengths[shortest] >= least_s or len(spans) == 1:
            return [(owners[first], first, beyond) for first, beyond in spans]
        host = max((at for at in (shortest - 1, shortest + 1) if 0 <= at < len(spans)), key=lengths.__getitem__)
        first, beyond = spans[shortest]
        owners[first:beyond] = [owners[spans[host][0]]] * (beyond - first)


@pytest.mark.parametrize("seed", range(40))
def test_short_stretches_go_to_their_longer_neighbour(seed: int) -> None:
    rng = np.random.default_rng(seed)
    states = rng.choice(list("abc"), 60).tolist()
    times_s = np.concatenate([[0], np.cumsum(rng.choice([0.125, 0.25, 0.5], 60))]).tolist()
    found = stretches(states, times_s[1:], times_s[:-1], 0.75)
    assert [(one.state, one.first, one.beyond) for one in found] == merged(states, times_s, 0.75)


def test_states_that_flicker_for_long_are_read_a_few_times_each() -> None:
    count = 4000
    ends_s = Counted(range(1, count + 1))
    assert stretches(["ab"[at % 2] for at in range(count)], ends_s, range(count), 10.0)
    assert ends_s.reads <= 20 * count


def test_no_states_are_no_stretches() -> None:
    assert not stretches([], [], [], 1.0)


def test_runs_are_the_true_ones() -> None:
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert not runs(np.zeros(3, bool))


def test_shares_are_sorted_and_none_without_time() -> None:
    assert [(one.label, one.score) for one in shares({"a": 1.0, "b": 3.0})] == [("b", 0.75), ("a", 0.25)]
    assert not shares({"a": 0.0})
