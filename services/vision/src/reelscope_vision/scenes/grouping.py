"""Which shots belong together: links between shots that look alike, over those in between (Hanjalic et al. 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from reelscope_vision.scenes.look import Look, likeness, signature

SAME_PLACE: Final = 0.8
"""Likeness from which two shots are of one place."""

_SAME_PERSON: Final = 0.1
"""By how much less they may be alike if one person is in both."""

_AHEAD: Final = 6
"""Shots within which a scene comes back to a place: conversations go to and fro between two or three."""

_APART_S: Final = 30.0
"""And seconds: after that it is another scene, if not by its place."""


@dataclass(slots=True)
class Shot:
    """What is known of one shot.

    Attributes:
        start_s: Its start.
        end_s: Its end.
        looks: Of sampled pictures, in order.
        persons: Numbers of the persons in it.
    """

    start_s: float
    end_s: float
    looks: list[Look] = field(default_factory=list)
    persons: set[int] = field(default_factory=set)


def scenes_of(shots: Sequence[Shot]) -> list[list[int]]:
    """Indices of the shots of each scene, all in order."""
    scenes: list[list[int]] = []
    reach = -1
    for index, shot in enumerate(shots):
        if index > reach:
            scenes.append([])
        scenes[-1].append(index)
        for later in range(min(index + _AHEAD, len(shots) - 1), max(reach, index), -1):
            if shots[later].start_s - shot.end_s <= _APART_S and are_one_place(shot, shots[later]):
                reach = later
                break
    return scenes


def places_of(shots: Sequence[Shot], scenes: Sequence[Sequence[int]]) -> list[int]:
    """Number of the place of each scene, from 0 in the order of their first scenes: of those that any of its shots is of.

    Args:
        shots: All, in order.
        scenes: Indices of the shots of each scene, all in order.
    """
    looks = [(index, signature(look)) for index, shot in enumerate(shots) for look in _few(shot.looks)]
    owners = np.array([index for index, _ in looks], np.int64)
    signatures = np.array([one for _, one in looks])
    places = np.zeros(len(shots), np.int64)
    found: list[int] = []
    for scene in scenes:
        earlier = owners[: int(np.searchsorted(owners, scene[0]))]
        place = max(found, default=-1) + 1
        for index in scene:
            first, beyond = np.searchsorted(owners, (index, index + 1)).tolist()
            if first == beyond or not len(earlier):
                continue
            # One product for all earlier shots: pair by pair, a long clip would take minutes.
            alike = (signatures[: len(earlier)] @ signatures[first:beyond].T).max(axis=1)
            known = [not shots[index].persons.isdisjoint(one.persons) for one in shots[: scene[0]]]
            least = np.where(known, SAME_PLACE - _SAME_PERSON, SAME_PLACE)
            place = int(places[earlier[alike >= least[earlier]]].min(initial=place))
        places[list(scene)] = place
        found.append(place)
    return found


def are_one_place(first: Shot, second: Shot) -> bool:
    """Whether any of the pictures of one looks like any of the other's: cameras move within a shot."""
    least = SAME_PLACE - (_SAME_PERSON if first.persons & second.persons else 0.0)
    return any(likeness(one, other) >= least for one in _few(first.looks) for other in _few(second.looks))


def _few(looks: Sequence[Look]) -> list[Look]:
    """The first, the middle and the last that show something; of a plain shot, those that there are."""
    shown = [look for look in looks if not look.is_plain] or list(looks)
    return [shown[at] for at in sorted({0, len(shown) // 2, len(shown) - 1})] if shown else []
