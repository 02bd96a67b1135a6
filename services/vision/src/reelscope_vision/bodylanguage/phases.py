"""Stretches of one facing, one lean and one hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reelscope_vision.bodylanguage.arms import HOLDS
from reelscope_vision.bodylanguage.reading import FACING_RULES, FACINGS, Readings
from reelscope_vision.tracking.stretches import stretches

_LEANING_DEGREES: Final = 10.0
"""Of the torso to the vertical: who merely stands on one leg stays below."""

_HELD_S: Final = 0.4
"""A facing, lean or hold that lasts for less is on the way to another, or a mistake."""

_PHASE_S: Final = 0.7
"""The same of a stretch in which none of the three changes."""

_SMOOTHED_S: Final = 0.5
"""Over which the lean is averaged, to each side: the network's points jitter by some degrees."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of readings.

    Attributes:
        readings: Shape [n].
        facing: camera, left, right, away or unknown.
        lean: upright, forward, backward, left, right or unknown.
        hold: One of `HOLDS`.
        rules: That held for most of it, but for those of movements.
    """

    readings: Readings
    facing: str
    lean: str
    hold: str
    rules: tuple[str, ...]


def phases(readings: Readings) -> list[Phase]:
    """All stretches of one person, in order."""
    starts_s, ends_s = readings["time_s"].tolist(), readings["end_s"].tolist()

    def held(states: Sequence[str]) -> list[str]:
        return [one.state for one in stretches(states, ends_s, starts_s, _HELD_S) for _ in range(one.beyond - one.first)]

    facings = held([FACINGS[at] for at in readings["facing"].tolist()])
    leans = held(_leans(readings, facings))
    holds = held([HOLDS[at] for at in readings["hold"].tolist()])
    states = list(zip(facings, leans, holds, strict=True))
    found = []
    for one in stretches(states, ends_s, starts_s, _PHASE_S):
        part = readings[one.first : one.beyond]
        found.append(Phase(part, *one.state, rules=_rules(part, *one.state)))
    return found


def _leans(readings: Readings, facings: Sequence[str]) -> list[str]:
    times_s, degrees = readings["time_s"], readings["lean_degrees"].astype(np.float64)
    low = np.searchsorted(times_s, times_s - _SMOOTHED_S)
    high = np.searchsorted(times_s, times_s + _SMOOTHED_S, side="right")
    words = []
    for first, beyond, faces in zip(low.tolist(), high.tolist(), facings, strict=True):
        around = degrees[first:beyond]
        known = around[~np.isnan(around)]
        words.append(_lean(float(np.median(known)) if len(known) else float("nan"), faces))
    return words


def _lean(degrees: float, faces: str) -> str:
    if np.isnan(degrees):
        return "unknown"
    if abs(degrees) < _LEANING_DEGREES:
        return "upright"
    direction = "right" if degrees > 0 else "left"
    if faces in {"left", "right"}:
        return "forward" if direction == faces else "backward"
    return direction


def _rules(part: Readings, faces: str, lean: str, hold: str) -> tuple[str, ...]:
    """Names of the rules that made these words."""
    rules = []
    of_facing = part["facing_rule"][part["facing"] == FACINGS.index(faces)]
    if len(of_facing):
        rules.append(FACING_RULES[int(np.bincount(of_facing.astype(np.int64)).argmax())])
    if lean != "unknown":
        rules.append("torso_upright" if lean == "upright" else "torso_tilted")
    rules.append(hold)
    return tuple(rule for rule in rules if rule)
