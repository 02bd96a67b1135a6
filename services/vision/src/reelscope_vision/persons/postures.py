"""Postures by rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from reelscope_vision.persons.skeleton import Skeleton
from reelscope_vision.tracking.stretches import Stretch, stretches

LYING: Final = 0.5
"""Cosine of the torso's angle to the vertical below which a body lies: 60 degrees."""

LYING_LEGS: Final = 0.8
"""And hips over ankles, in torsos, below which the legs lie, too: who merely bends stands."""

LOW_THIGH: Final = 0.55
"""Hips over knees, in torsos, below which the thighs are level rather than upright: standing has 0.7-0.95."""

STRAIGHT_LEGS: Final = 1.4
"""And hips over the lower ankle, in torsos, from which a leg carries all the same: of who bends it a little and lifts the
other."""

LEAST_S: Final = 0.5
"""A posture that is held for less is on the way to another."""

SQUAT_S: Final = 4.0
"""Who is down for longer sits; who comes up again before crouched."""


def postures(skeletons: Sequence[Skeleton], ends_s: Sequence[float]) -> list[Stretch[str]]:
    """Stretches of one posture, in order: standing, sitting, crouching, lying or unknown."""
    starts_s = [one.time_s for one in skeletons]
    found = stretches([_posture(one) for one in skeletons], ends_s, starts_s, LEAST_S)
    named = []
    for index, stretch in enumerate(found):
        state = stretch.state
        if state == "low":
            seconds = ends_s[stretch.beyond - 1] - starts_s[stretch.first]
            around = {found[at].state for at in (index - 1, index + 1) if 0 <= at < len(found)}
            state = "crouching" if seconds <= SQUAT_S and "standing" in around else "sitting"
        named.append(Stretch(state, stretch.first, stretch.beyond))
    return named


def _posture(one: Skeleton) -> str:
    if abs(one.upright) < LYING and not abs(one.legs) >= LYING_LEGS:  # legs that are not seen (NaN) may lie
        return "lying"
    if np.isnan(one.thigh):
        return "unknown"
    return "low" if one.thigh < LOW_THIGH and not one.legs >= STRAIGHT_LEGS else "standing"
