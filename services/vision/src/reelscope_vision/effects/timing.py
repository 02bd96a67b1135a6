"""Effects on time: frames that stand still in the middle of motion, stretches that run slower or faster than the rest."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.effects.effect import Effect, Shot
from reelscope_vision.tracking.stretches import runs

_FREEZE_S: Final = 0.35
"""A shorter one looks like a dropped frame."""

_MOVING: Final = 0.8
"""Mean grey levels of change from frame to frame, above noise: something moves."""

_STIRRING: Final = 0.25
"""The same on the quieter side of a freeze: somebody who speaks calmly, above what a resting camera's noise makes."""

_FROZEN: Final = 0.15
"""Share of the motion before it that a frozen frame may still change by: what the codec adds."""

STILL: Final = 0.35
"""Grey levels up to which frames repeat each other at all, coding noise included."""

_UNBRAKED: Final = 0.7
"""Share of the motion before that the very last moving frame still has."""

_NEAR: Final = 5
"""Frames before and after in which the motion is measured: things that come to rest by themselves take longer."""

_REPEATED: Final = 0.12
"""Share of the usual change below which a frame repeats the one before."""

_SLOW_S: Final = 0.5
_LEAST_WIDTH: Final = 6
"""Frames in that time: at fewer a second, what moves by starts and stops looks the same."""

_SLOW_SHARE: Final = 0.3
"""Share of repeated frames of a stretch that is slowed down by repeating: one in three is 1.5 times slower."""

_FAST_S: Final = 0.5
_WINDOW_S: Final = 0.6
"""Motion before and after a moment is measured over so long."""

_LEAST_EVEN: Final = 12
"""Frames in that time at least: fewer are even by chance."""

_PACE: Final = 0.3
"""Grey levels of coarse pictures, in which the noise is averaged out: something moves."""

_FASTER: Final = 1.6
"""Ratio of the motions: 1.5 times faster and more."""

_STEP: Final = 0.8
"""Share of the difference that lies in one moment: things take longer to gain speed by themselves."""

_EDGE: Final = 3
"""Frames on each side of that moment of which the middle one counts."""

_STEADY: Final = 0.12
"""Median deviation of the motion over its median, on each side, up to which it is so even that nothing but another speed
makes it jump: people and animals move by fits and starts all the time, and then nothing can be said."""

_MOST: Final = 0.6
"""Share of the cells that move which must change their pace together."""


def freezes(shot: Shot) -> Iterable[Effect]:
    """Exactly repeated frames in moving footage: it stops, or goes on, from one frame to the next.

    Stillness is none: what comes to rest by itself slows down first, and a still scene does not move before and after.
    """
    if len(shot) <= _NEAR + 1:
        return
    for first, beyond in runs(shot.change <= STILL):
        if first == 0:
            continue
        # The first frozen picture is the last one that moved.
        start_s, end_s = float(shot.starts_s[first - 1]), float(shot.ends_s[beyond - 1])
        before = shot.change[max(1, first - _NEAR) : first]
        after = shot.change[beyond + 1 : beyond + 1 + _NEAR]
        still = float(np.median(shot.change[first:beyond]))
        motion = float(np.median(before)) if len(before) == _NEAR else 0.0
        # It may begin the shot's last part, or be its first: then the motion after it counts.
        resumes = float(np.median(after)) if len(after) == _NEAR else motion
        less = min(motion, resumes)
        if end_s - start_s < _FREEZE_S or max(motion, resumes) < _MOVING or less < _STIRRING or still > _FROZEN * less:
            continue
        if before[-1] < _UNBRAKED * motion:
            continue
        yield Effect(
            "freeze", start_s, end_s, 1.0, 0.9, f"{beyond - first} repeated frames in motion of {motion:.1f} grey levels"
        )


def slow_motions(shot: Shot) -> Iterable[Effect]:
    """A stretch with regularly repeated frames in footage without: slowed down without new frames.

    A clip that repeats frames all through was only brought to a higher rate; slow motion from a fast camera has no trace.
    """
    moving = shot.change[shot.change > STILL]
    if len(moving) < 2 * _NEAR:
        return
    repeated = shot.change <= _REPEATED * float(np.median(moving))
    repeated[0] = False
    width = round(_SLOW_S / max(float(np.median(np.diff(shot.starts_s))), 1e-3))
    if width < _LEAST_WIDTH or len(shot) < 2 * width:
        return
    share = np.convolve(repeated, np.ones(width) / width, mode="same")
    # Mixed with moving frames: a run of repeated ones alone is a freeze.
    found = runs((share >= _SLOW_SHARE) & (share <= 1 - 1 / width))
    for first, beyond in found:
        part = repeated[first:beyond]
        outside = np.concatenate([repeated[:first], repeated[beyond:]])
        longest = max((high - low for low, high in runs(part)), default=0)
        start_s, end_s = float(shot.starts_s[first]), float(shot.ends_s[beyond - 1])
        if end_s - start_s < _SLOW_S or longest > width // 2 or len(outside) < width or float(outside.mean()) > _SLOW_SHARE / 3:
            continue
        if float(np.median(shot.change[first:beyond][~part])) <= STILL:
            continue  # hardly anything moves in between
        slower = 1 / max(1e-6, 1 - float(part.mean()))
        evidence = f"{100 * float(part.mean()):.0f} % repeated frames: about {slower:.1f} times slower"
        yield Effect(
            "slow_motion", float(shot.starts_s[first]), float(shot.ends_s[beyond - 1]), min(1.0, slower / 4), 0.7, evidence
        )


def speed_changes(shot: Shot) -> Iterable[Effect]:
    """Stretches in which an even motion is suddenly faster than before or after, in one shot.

    A clip that is sped up all through, or things that change their pace together, cannot be told from their natural selves.
    """
    step_s = float(np.median(np.diff(shot.starts_s))) if len(shot) > 1 else 1.0
    width = max(_LEAST_EVEN, round(_WINDOW_S / max(step_s, 1e-3)))
    bounds = [0, *_jumps(shot, width), len(shot)]
    if len(bounds) < 3:  # noqa: PLR2004 - no jump within
        return
    spans = list(itertools.pairwise(bounds))
    pace = shot.pace
    levels = [float(np.median(pace[low + 1 : high])) if high - low > 1 else 0.0 for low, high in spans]
    slowest = max(min(levels), 1e-6)
    for (low, high), level in zip(spans, levels, strict=True):
        start_s, end_s = float(shot.starts_s[low]), float(shot.ends_s[high - 1])
        ratio = level / slowest
        if ratio >= _FASTER and end_s - start_s >= _FAST_S:
            evidence = f"motion jumps to {ratio:.1f} times that of the rest of the shot"
            yield Effect("speed_up", start_s, end_s, min(1.0, ratio / 4), 0.5, evidence)


def _jumps(shot: Shot, width: int) -> list[int]:
    """Frames at which the motion jumps up or down."""
    pace = shot.pace
    found: list[tuple[float, int]] = []
    for at in range(width + 1, len(shot) - width):
        earlier, later = slice(at - width, at), slice(at, at + width)
        before, after = pace[earlier], pace[later]
        low, high = sorted((float(np.median(before)), float(np.median(after))))
        if low < _PACE or high < _FASTER * low:
            continue
        if abs(float(np.median(before[-_EDGE:]) - np.median(after[:_EDGE]))) < _STEP * (high - low):
            continue
        slow, fast = (earlier, later) if np.median(before) < np.median(after) else (later, earlier)
        if max(_unsteadiness(before), _unsteadiness(after)) > _STEADY or not _is_everywhere(shot, slow, fast):
            continue
        found.append((high / low, at))
    kept: list[int] = []
    for _, at in sorted(found, reverse=True):
        if all(abs(at - other) > width // 2 for other in kept):
            kept.append(at)
    return sorted(kept)


def _is_everywhere(shot: Shot, slow: slice, fast: slice) -> bool:
    """Whether most of what moves in the one part of a shot has another pace in the other, and not only who comes or leaves."""
    slower, faster = (np.median(np.nan_to_num(shot.cells[part].astype(np.float32)), axis=0) for part in (slow, fast))
    moving = faster >= _PACE
    return bool(np.mean(faster[moving] >= _FASTER * slower[moving]) >= _MOST) if moving.any() else False


def _unsteadiness(values: NDArray[np.float64]) -> float:
    middle = float(np.median(values))
    return float(np.median(np.abs(values - middle))) / max(middle, 1e-6)
