"""Effects on the layout: bars, several pictures side by side, one within another; told from layouts that stay."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from reelscope_vision.effects.effect import Effect, Region, Shot
from reelscope_vision.effects.measures import CELLS

_SHARE: Final = 0.7
"""Share of a shot's layouts that must agree: edges of a scene move, or are hidden at times."""

_LEAST: Final = 2
"""Layouts: one picture alone may be divided by chance."""

_SAME: Final = 0.015
_INSET_MOTION: Final = 0.5
"""Mean grey levels of change within an inset: a window or a poster on a wall does not move."""


def letterbox(shot: Shot) -> Iterable[Effect]:
    """Bars on two opposite sides, plain or filled with a blurred picture, for the whole shot."""
    if not shot.layouts:
        return
    bars = np.array([layout.bars for _, layout in shot.layouts])
    for sides, name in (((0, 1), "above and below"), ((2, 3), "left and right")):
        there = (bars[:, sides[0]] > 0) & (bars[:, sides[1]] > 0)
        if there.mean() < _SHARE:
            continue
        first, second = np.median(bars[there][:, sides], axis=0)
        if abs(first - second) > max(_SAME, 0.2 * first):
            continue
        first, second = float(first), float(second)
        regions: tuple[Region, ...] = ((0, 0, 1, first), (0, 1 - second, 1, 1))
        if sides == (2, 3):
            regions = ((0, 0, first, 1), (1 - second, 0, 1, 1))
        filled = float(np.mean([layout.filled for _, layout in shot.layouts])) >= _SHARE
        look = "bars filled with a blurred picture" if filled else "plain bars"
        evidence = f"{look} {name}: {100 * first:.0f} % and {100 * second:.0f} %"
        yield _whole(shot, "letterbox", strength=first + second, confidence=0.9, evidence=evidence, regions=regions)


def split_screen(shot: Shot) -> Iterable[Effect]:
    """Seams that run all through the picture where editors split it, for the whole shot."""
    columns = _lasting([layout.columns for _, layout in shot.layouts])
    rows = _lasting([layout.rows for _, layout in shot.layouts])
    if not columns and not rows:
        return
    xs, ys = [0.0, *columns, 1.0], [0.0, *rows, 1.0]
    regions = [(left, top, right, bottom) for top, bottom in itertools.pairwise(ys) for left, right in itertools.pairwise(xs)]
    evidence = f"{len(columns)} seams from the top to the bottom, {len(rows)} from the left to the right"
    yield _whole(shot, "split_screen", strength=1.0, confidence=0.8, evidence=evidence, regions=tuple(regions))


def picture_in_picture(shot: Shot) -> Iterable[Effect]:
    """A rectangle with four sharp sides that stays where it is and moves within."""
    insets = [layout.inset for _, layout in shot.layouts if layout.inset is not None]
    if len(insets) < max(_LEAST, _SHARE * len(shot.layouts)):
        return
    middle = np.median(np.array(insets), axis=0)
    near = np.array([np.abs(np.array(one) - middle).max() <= _SAME for one in insets])
    if near.sum() < max(_LEAST, _SHARE * len(shot.layouts)):
        return
    left, top, right, bottom = (float(value) for value in middle)
    columns = slice(round(left * CELLS), max(round(left * CELLS) + 1, round(right * CELLS)))
    rows = slice(round(top * CELLS), max(round(top * CELLS) + 1, round(bottom * CELLS)))
    inside = shot.cells.reshape(-1, CELLS, CELLS)[:, rows, columns].astype(np.float32)
    # While the whole picture moves, so does a window in it; where it rests at times, only those times count.
    resting = shot.resting[1:]
    counted = inside[1:][resting] if resting.sum() >= CELLS else inside[1:]
    # The median over time: a flash is no motion.
    motion = float(np.nanmedian(np.nanmean(counted, axis=(1, 2)))) if len(counted) else 0.0
    if motion >= _INSET_MOTION:
        evidence = f"a rectangle with four sharp sides in which the picture changes by {motion:.1f} grey levels"
        inset = (left, top, right, bottom)
        area = (right - left) * (bottom - top)
        yield _whole(shot, "picture_in_picture", strength=area, confidence=0.8, evidence=evidence, regions=(inset,))


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


def _whole(shot: Shot, kind: str, *, strength: float, confidence: float, evidence: str, regions: tuple[Region, ...]) -> Effect:
    return Effect(kind, float(shot.starts_s[0]), float(shot.ends_s[-1]), min(1.0, strength), confidence, evidence, regions)
