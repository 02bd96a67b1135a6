"""Curves of states to stretches of one state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
    found: list[Stretch[State]] = []
    for index, state in enumerate(states):
        if found and found[-1].state == state:
            found[-1] = Stretch(state, found[-1].first, index + 1)
        else:
            found.append(Stretch(state, index, index + 1))

    def seconds(one: Stretch[State]) -> float:
        return ends_s[one.beyond - 1] - starts_s[one.first]

    while len(found) > 1:
        at = min(range(len(found)), key=lambda index: seconds(found[index]))
        if seconds(found[at]) >= least_s:
            break
        neighbours = [index for index in (at - 1, at + 1) if 0 <= index < len(found)]
        host = max(neighbours, key=lambda index: seconds(found[index]))
        low, high = min(at, host), max(at, host)
        found[low : high + 1] = [Stretch(found[host].state, found[low].first, found[high].beyond)]
        for left in (low, low - 1):
            if 0 <= left < len(found) - 1 and found[left].state == found[left + 1].state:
                found[left : left + 2] = [Stretch(found[left].state, found[left].first, found[left + 1].beyond)]
    return found
