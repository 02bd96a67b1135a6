"""Effects on the layout: bars, several pictures side by side, one within another; told from layouts that stay."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.effects.effect import Effect, Region, Shot
from reelscope_vision.effects.measures import CELLS
from reelscope_vision.tracking.stretches import runs

_SHARE: Final = 0.7
"""Share of a shot's layouts that must agree: edges of a scene move, or are hidden at times."""

_LEAST: Final = 2
"""Layouts with a seam or an inset: one picture alone may be divided by chance."""

_LEAST_OF_PART: Final = 4
"""Layouts with a division that is there for a part of the shot only."""

_BRIDGE: Final = 1
"""Layouts in a row that may miss it."""

_MOST_INSETS: Final = 4
"""Different places of insets that are looked at in one shot."""

_SAME: Final = 0.015
_INSET_OFF: Final = 2 * _SAME
"""By so much the sides of an inset waver, where its own edges and a frame around it are told in turn."""

_INSET_MOTION: Final = 0.5
"""Mean grey levels of change within an inset: a window or a poster on a wall does not move."""


def letterbox(shot: Shot) -> Iterable[Effect]:
    """Bars on two opposite sides: plain ones, for a shot or a part of it, or the whole shot's own blur."""
    if not shot.layouts:
        return
    bars = np.array([layout.bars for _, layout in shot.layouts])
    filled = np.array([layout.filled for _, layout in shot.layouts])
    for sides, name in (((0, 1), "above and below"), ((2, 3), "left and right")):
        there = (bars[:, sides[0]] > 0) & (bars[:, sides[1]] > 0)
        for part, span in _parts(shot, there, shot.change, least=1):
            first, second = (float(one) for one in np.median(bars[part & there][:, sides], axis=0))
            is_filled = float(filled[part].mean()) >= _SHARE
            if abs(first - second) > max(_SAME, 0.2 * first) or (is_filled and not part.all()):
                continue  # a picture over its own blur begins with a cut
            regions: tuple[Region, ...] = ((0, 0, 1, first), (0, 1 - second, 1, 1))
            if sides == (2, 3):
                regions = ((0, 0, first, 1), (1 - second, 0, 1, 1))
            look = "bars filled with a blurred picture" if is_filled else "plain bars"
            evidence = f"{look} {name}: {100 * first:.0f} % and {100 * second:.0f} %"
            yield _effect(shot, span, "letterbox", strength=first + second, confidence=0.9, evidence=evidence, regions=regions)


def split_screen(shot: Shot) -> Iterable[Effect]:
    """Seams that run all through the picture where editors split it, for the whole shot."""
    columns = _lasting([layout.columns for _, layout in shot.layouts])
    rows = _lasting([layout.rows for _, layout in shot.layouts])
    if not columns and not rows:
        return
    xs, ys = [0.0, *columns, 1.0], [0.0, *rows, 1.0]
    regions = [(left, top, right, bottom) for top, bottom in itertools.pairwise(ys) for left, right in itertools.pairwise(xs)]
    evidence = f"{len(columns)} seams from the top to the bottom, {len(rows)} from the left to the right"
    whole = slice(0, len(shot))
    yield _effect(shot, whole, "split_screen", strength=1.0, confidence=0.8, evidence=evidence, regions=tuple(regions))


def picture_in_picture(shot: Shot) -> Iterable[Effect]:
    """Rectangles with sharp sides that stay where they are and move within."""
    insets = np.array([layout.inset or (np.nan,) * 4 for _, layout in shot.layouts]).reshape(-1, 4)
    unclaimed = ~np.isnan(insets).any(axis=1)
    for _ in range(_MOST_INSETS):
        if unclaimed.sum() < _LEAST:
            return
        _, places, counts = np.unique(np.round(insets[unclaimed] / _SAME), axis=0, return_inverse=True, return_counts=True)
        middle = np.median(insets[unclaimed][places.reshape(-1) == int(counts.argmax())], axis=0)
        off = np.nan_to_num(np.abs(insets - middle).max(axis=1), nan=1.0)
        there = unclaimed & (off <= _INSET_OFF)
        unclaimed &= ~there
        inside = _cells_within(shot, middle)
        for _, span in _parts(shot, there, inside.mean(axis=1), least=_LEAST):
            # While the whole picture moves, so does a window in it; where it rests at times, only those times count.
            resting = shot.resting[span][1:]
            counted = inside[span][1:]
            counted = counted[resting] if resting.sum() >= CELLS else counted
            # The median over time: a flash is no motion.
            motion = float(np.median(counted.mean(axis=1))) if len(counted) else 0.0
            if motion < _INSET_MOTION:
                continue
            left, top, right, bottom = (float(value) for value in middle)
            evidence = f"a rectangle with sharp sides in which the picture changes by {motion:.1f} grey levels"
            area = (right - left) * (bottom - top)
            yield _effect(
                shot,
                span,
                "picture_in_picture",
                strength=area,
                confidence=0.8,
                evidence=evidence,
                regions=((left, top, right, bottom),),
            )


def _cells_within(shot: Shot, box: NDArray[np.floating]) -> NDArray[np.float32]:
    """Change of the cells that a box covers, shape [frames, cells]."""
    left, top, right, bottom = (round(float(value) * CELLS) for value in box)
    cells = shot.cells.reshape(-1, CELLS, CELLS)[:, top : max(top + 1, bottom), left : max(left + 1, right)]
    return np.nan_to_num(cells.reshape(len(cells), -1).astype(np.float32))


def _parts(
    shot: Shot, there: NDArray[np.bool_], change: NDArray[np.floating], *, least: int
) -> list[tuple[NDArray[np.bool_], slice]]:
    """Where a division stays: the layouts of each part of the shot, or of all of it, and its frames.

    Args:
        shot: Whose layouts are told of.
        there: Which of them have the division.
        change: Of each frame: layouts are half a second apart, and between two of them it came with the largest change.
        least: Layouts that must have it where it is there all the time.
    """
    having = np.flatnonzero(there)
    if not len(having):
        return []
    around = (int(having[0]), int(having[-1]) + 1)
    if there[slice(*around)].mean() >= _SHARE:
        spans = [around]
    else:
        bridged = there.copy()
        for first, beyond in runs(~there):
            if around[0] < first < around[1] and beyond - first <= _BRIDGE:
                bridged[first:beyond] = True
        spans = runs(bridged)
    frames = [index for index, _ in shot.layouts]
    change = np.nan_to_num(change)
    found = []
    for first, beyond in spans:
        from_start, to_end = first <= _BRIDGE, len(there) - beyond <= _BRIDGE
        is_whole = from_start and to_end and there.mean() >= _SHARE
        if there[first:beyond].sum() < (least if is_whole else _LEAST_OF_PART):
            continue
        start = 0 if from_start else _largest(change, frames[first - 1] + 1, frames[first] + 1)
        end = len(shot) if to_end else _largest(change, frames[beyond - 1] + 1, frames[beyond] + 1)
        part = np.zeros(len(there), np.bool_)
        part[first:beyond] = True
        found.append((part | is_whole, slice(start, end)))
    return found


def _largest(values: NDArray[np.floating], low: int, beyond: int) -> int:
    return low + int(values[low:beyond].argmax())


def _lasting(places: Sequence[tuple[float, ...]]) -> list[float]:
    """Places that most of the layouts have."""
    if len(places) < _LEAST:
        return []
    counts = Counter(round(place / _SAME) for one in places for place in one)
    kept: list[float] = []
    for key, _ in counts.most_common():
        near = [place for one in places for place in one if abs(place - key * _SAME) <= _SAME]
        if len(near) >= _SHARE * len(places) and all(abs(float(np.median(near)) - other) > 2 * _SAME for other in kept):
            kept.append(float(np.median(near)))
    return sorted(kept)


def _effect(
    shot: Shot, span: slice, kind: str, *, strength: float, confidence: float, evidence: str, regions: tuple[Region, ...]
) -> Effect:
    start_s, end_s = float(shot.starts_s[span][0]), float(shot.ends_s[span][-1])
    return Effect(kind, start_s, end_s, min(1.0, strength), confidence, evidence, regions)
