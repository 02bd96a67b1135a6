"""Actions by rule, from what the skeletons of one track measure over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.persons.skeleton import Skeleton
from reelscope_vision.tracking.stretches import runs

SQUAT_DOWN: Final = 0.55
SQUAT_UP: Final = 0.72
"""Hips over knees, in torsos: a squat goes from above the second to below the first and back."""

LEAST_DROP: Final = 0.25
"""Torsos that the hips come nearer to the ankles, or to the ground of the picture: half of what a squat's way is at least.
Knees that are hidden move without them."""

LONGEST_SQUAT_S: Final = 6.0
"""Who is down for longer sat down."""

ARMS_UP: Final = 0.0
"""Both wrists above the nose."""

LEAST_ARMS_S: Final = 0.3

JUMP: Final = 0.12
"""Hips and ankles rise by so many torsos at once: a step lifts one foot and hardly the hips."""

JUMP_S: Final = (0.15, 1.0)
"""Nobody is in the air for longer, or comes down faster."""

GROUND_S: Final = 1.7
"""Over which the ground's height is the median, to each side: long enough to outlast a jump, and who walks towards the camera
hardly gets lower meanwhile."""

CLAP_CLOSE: Final = 0.35
CLAP_APART: Final = 0.8
"""Distance of the wrists, in torsos: together, and apart again."""

CLAP_S: Final = 1.2
"""A clap is over within this."""

CLASPED_S: Final = 0.4
"""Hands that stay together for longer hold each other."""

CLAP_UP: Final = 0.2
"""Torsos above the hips: hands that swing past each other hang."""

TURNED: Final = 0.35
"""Shoulders so many torsos apart, one way and then the other, are a turn: half of their width. In profile they change sides by
a breath."""

FRONTAL: Final = 0.35
"""Shoulders so many torsos apart show both arms: in profile hands are together whatever they do."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action.

    Attributes:
        name: squat, arms_up, jump, clap or turn.
        start_s: Start.
        end_s: End.
        confidence: In [0,1].
    """

    name: str
    start_s: float
    end_s: float
    confidence: float


def actions(skeletons: Sequence[Skeleton]) -> list[Action]:
    """All actions of one body, in the order of their starts; only whole ones."""
    if len(skeletons) < 3:  # noqa: PLR2004 - before, during, after
        return []
    found = [*_squats(skeletons), *_arms_up(skeletons), *_jumps(skeletons), *_claps(skeletons), *_turns(skeletons)]
    return sorted(found, key=lambda action: action.start_s)


def _curve(skeletons: Sequence[Skeleton], name: str) -> NDArray[np.float64]:
    return np.array([getattr(one, name) for one in skeletons])


def _squats(skeletons: Sequence[Skeleton]) -> Iterable[Action]:
    """Down and up again, by hysteresis; one that the clip cuts off is none."""
    up: Skeleton | None = None
    down: Skeleton | None = None
    for one in skeletons:
        if np.isnan(one.thigh):
            continue
        if one.thigh >= SQUAT_UP:
            if up is not None and down is not None and _is_squat(up, down, one.time_s - up.time_s):
                confidence = float(np.clip((SQUAT_UP - down.thigh) / SQUAT_UP + 0.4, 0, 1))
                yield Action("squat", up.time_s, one.time_s, confidence)
            up, down = one, None
        elif one.thigh < SQUAT_DOWN and (down is None or one.thigh < down.thigh):
            down = one


def _is_squat(up: Skeleton, down: Skeleton, seconds: float) -> bool:
    """Whether the hips came down, by torsos of who stands: over the ankles where they are seen, else in the picture."""
    if np.isnan(up.legs + down.legs):
        drop = (down.hips_y - up.hips_y) / up.torso
    else:
        drop = up.legs - down.legs * down.torso / up.torso
    return seconds <= LONGEST_SQUAT_S and drop >= LEAST_DROP


def _arms_up(skeletons: Sequence[Skeleton]) -> Iterable[Action]:
    raised = _curve(skeletons, "both_wrists") > ARMS_UP  # NaN is not
    for first, beyond in runs(raised):
        start_s, end_s = skeletons[first].time_s, skeletons[min(beyond, len(skeletons) - 1)].time_s
        if end_s - start_s >= LEAST_ARMS_S:
            yield Action("arms_up", start_s, end_s, 0.9)


def _jumps(skeletons: Sequence[Skeleton]) -> Iterable[Action]:
    """Both hips and ankles above where they usually are, and down again."""
    torso = float(np.median(_curve(skeletons, "torso")))
    times_s = _curve(skeletons, "time_s")
    rises = []
    for name in ("hips_y", "ankles_y"):
        heights = _curve(skeletons, name)
        usual = _usual(times_s, heights)
        rises.append((usual - heights) / torso)
    airborne = (rises[0] > JUMP) & (rises[1] > JUMP)
    shortest, longest = JUMP_S
    for first, beyond in runs(airborne):
        if first == 0 or beyond == len(skeletons):
            continue
        start_s, end_s = skeletons[first - 1].time_s, skeletons[beyond].time_s
        if shortest <= end_s - start_s <= longest:
            height = float(min(rises[0][first:beyond].max(), rises[1][first:beyond].max()))
            yield Action("jump", start_s, end_s, min(1.0, 0.5 + height))


def _usual(times_s: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Running median: the ground of somebody who walks towards the camera."""
    low = np.searchsorted(times_s, times_s - GROUND_S)
    high = np.searchsorted(times_s, times_s + GROUND_S, side="right")
    around = [heights[first:beyond] for first, beyond in zip(low.tolist(), high.tolist(), strict=True)]
    return np.array([np.nan if np.isnan(some).all() else np.nanmedian(some) for some in around])


def _claps(skeletons: Sequence[Skeleton]) -> Iterable[Action]:
    """Hands that meet in front of the body, and part at once."""
    apart_s: float | None = None
    met: list[Skeleton] = []
    for one in skeletons:
        if np.isnan(one.clasp):
            continue
        if one.clasp >= CLAP_APART:
            if apart_s is not None and _is_clap(met) and one.time_s - apart_s <= CLAP_S:
                yield Action("clap", apart_s, one.time_s, 0.6)
            apart_s, met = one.time_s, []
        elif one.clasp < CLAP_CLOSE:
            met.append(one)


def _is_clap(met: Sequence[Skeleton]) -> bool:
    if not met or met[-1].time_s - met[0].time_s > CLASPED_S:
        return False
    return all(one.hands_up >= CLAP_UP and abs(one.facing) >= FRONTAL for one in met)


def _turns(skeletons: Sequence[Skeleton]) -> Iterable[Action]:
    """From facing the camera to showing the back, or the other way."""
    side, since_s = 0, 0.0
    for one in skeletons:
        now = 0 if np.isnan(one.facing) or abs(one.facing) < TURNED else int(np.sign(one.facing))
        if now and side and now != side:
            yield Action("turn", since_s, one.time_s, 0.6)
        if now:
            side, since_s = now, one.time_s
