"""Curves of states to stretches of one state."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Stretch(Generic[State]):
    """Consecutive samples of one state.

    Attributes:
        state: Which.
        first: Index of the first sample.
        beyond: Index after the last one.
    """

    state: State
    first: int
    beyond: int


def runs(states: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches of True: first index, and the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], states, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def stretches(
    states: Sequence[State], ends_s: Sequence[float], starts_s: Sequence[float], least_s: float
) -> list[Stretch[State]]:
    """Stretches of equal states; one that is shorter than `least_s` goes to its longer neighbour, the shortest first.

    Args:
        states: Of each sample.
        ends_s: Of each sample.
        starts_s: Of each sample.
        least_s: Shortest stretch that stays, unless it is the only one.
    """
    found = _equal(states)

    def seconds(at: int) -> float:
        return ends_s[found[at].beyond - 1] - starts_s[found[at].first]

    # Linked, and the shortest on top of a heap: flickering states make as many stretches as there are samples. A stretch that
    # grew is pushed again; of its entries, and those of what it took in, only the one of its present length counts.
    before, after = list(range(-1, len(found) - 1)), list(range(1, len(found) + 1))
    gone = [False] * len(found)
    shortest = [(seconds(at), found[at].first, at, found[at].beyond) for at in range(len(found))]
    heapq.heapify(shortest)

    def join(left: int, state: State) -> None:
        """Takes in the stretch after this one."""
        right = after[left]
        found[left] = Stretch(state, found[left].first, found[right].beyond)
        gone[right] = True
        after[left] = after[right]
        if after[left] < len(found):
            before[after[left]] = left

    while shortest:
        length_s, first, at, beyond = heapq.heappop(shortest)
        if gone[at] or (first, beyond) != (found[at].first, found[at].beyond):
            continue
        neighbours = [one for one in (before[at], after[at]) if 0 <= one < len(found)]
        if length_s >= least_s or not neighbours:
            break
        host = max(neighbours, key=seconds)
        low = min(at, host)
        join(low, found[host].state)
        if after[low] < len(found) and found[after[low]].state == found[low].state:
            join(low, found[low].state)
        if before[low] >= 0 and found[before[low]].state == found[low].state:
            low = before[low]
            join(low, found[low].state)
        heapq.heappush(shortest, (seconds(low), found[low].first, low, found[low].beyond))
    return [one for one, is_gone in zip(found, gone, strict=True) if not is_gone]


def _equal(states: Sequence[State]) -> list[Stretch[State]]:
    found: list[Stretch[State]] = []
    for index, state in enumerate(states):
        if found and found[-1].state == state:
            found[-1] = Stretch(state, found[-1].first, index + 1)
        else:
            found.append(Stretch(state, index, index + 1))
    return found
