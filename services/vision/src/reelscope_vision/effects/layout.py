"""How the picture is divided: bars, seams that run all through it, and a smaller picture within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image

Gray = NDArray[np.uint8]
Places = tuple[float, ...]
"""Fractions of the width or height."""

_FLAT: Final = 3.0
"""Grey levels: standard deviation along a row of a bar, coded noise included."""

_BAR_EDGE: Final = 10.0
"""Grey levels by which the picture differs from its bar, on average along the edge."""

_LEAST_BAR: Final = 0.03
_MOST_BAR: Final = 0.45

_LEAST_BAND: Final = 0.1
"""Height of a bar that is not plain: thinner ones are a line of text."""

_BAND_EDGE, _BAND_WEAKER = 0.5, 0.15
"""Share of their length over which the inner edges of such bars must show, both together and the weaker one: a picture and its
own blur may be alike where they meet."""

_PLAIN_SHARE: Final = 0.65
"""Share of a bar with captions in it that still has the bar's colour."""

_FINE: Final = 2.0
_SOFT: Final = 0.4
"""Grey levels of fine detail of the picture, and the share of it that a blurred one has."""

_BAR_OFF: Final = 0.02
"""A seam nearer to the end of a bar is that end."""

_STEP: Final = 10.0
"""Grey levels of a step between two neighbouring pixels, below which two pictures that meet look alike."""

_SHARP: Final = 3
"""How many times larger than the steps around it: an edge of a picture lies between two pixels, one in a scene is softer."""

_AROUND_PX, _BESIDE_PX = 13, 3
"""Pixels across a step that count as around it, without those just beside it."""

_SEAM: Final = 0.7
"""Share of its length over which a seam shows: the rest looks alike on both sides by chance."""

_SEAMS_AT: Final = (1 / 2, 1 / 3, 2 / 3)
_SEAM_OFF: Final = 0.012
"""Editors split at halves and thirds; codecs and even sizes move that by a pixel or two."""

_INSET_SIDE: Final = (0.12, 0.6)
_INSET_SEAM: Final = 0.75
_LEAST_SIDE_SHOWN: Final = 0.5
"""Share of all sides together, and of each one, that is a sharp step."""

_FLUSH_SEAM: Final = 0.94
"""The same for an inset in a corner or at an edge of the picture. Of its sides only two or three are to be seen, and rooms have
such corners: at 0.85 a window of a car is taken for one."""

_FLUSH_TRUST: Final = 0.5
"""Of such a one beside one with four sides of its own: what lies between the latter and the picture's edge is not in it."""

_MOST_BEYOND: Final = 0.5
"""Share over which such a side may go on beyond its corner: one that does is the end of a bar, or a seam."""

_SURER: Final = 4
"""Power by which sides that show better outdo a larger area: rectangles within the inset, or with a chance line, are worse."""

_MOST_SIDES: Final = 20
"""Longest straight steps that are tried as sides of an inset, in each direction."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The divisions of one picture.

    Attributes:
        bars: Height of the bar on the top and the bottom, width of the one on the left and the right.
        filled: Whether those bars show a blurred picture rather than one colour.
        columns: Where seams run from the top to the bottom.
        rows: Where seams run from the left to the right.
        inset: Left, top, right, bottom of a picture within the picture; None where there is none.
    """

    bars: tuple[float, float, float, float]
    filled: bool
    columns: Places
    rows: Places
    inset: tuple[float, float, float, float] | None


def layout_of(picture: Image) -> Layout:
    """Measures one picture, RGB."""
    gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    height, width = gray.shape
    if min(height, width) < 32:  # noqa: PLR2004 - too small to be divided
        return Layout((0.0, 0.0, 0.0, 0.0), filled=False, columns=(), rows=(), inset=None)
    top, bottom = _bars(gray)
    left, right = _bars(gray[round(top * height) : height - round(bottom * height)].T)
    across, down = _sharp_steps(gray, across=True), _sharp_steps(gray, across=False)
    rows = slice(round(top * height) + 1, height - round(bottom * height) - 1)
    columns = slice(round(left * width) + 1, width - round(right * width) - 1)
    upright, level = across[rows].mean(axis=0), down[:, columns].mean(axis=1)
    filled = False
    if not _are_bars(top, bottom) and not _are_bars(left, right):
        band, filled = _band(gray, level)
        if band:
            top = bottom = band
        else:
            band, filled = _band(gray.T, upright)
            left, right = (band, band) if band else (left, right)
    return Layout(
        bars=(top, bottom, left, right),
        filled=filled,
        columns=_without(_seams(upright), left, right),
        rows=_without(_seams(level), top, bottom),
        inset=_inset(across, down),
    )


def _are_bars(first: float, second: float) -> bool:
    """Whether both are there and of one size."""
    return min(first, second) > 0 and abs(first - second) <= _BAR_OFF


def _without(seams: Places, first: float, second: float) -> Places:
    """The seams that are not where a bar ends."""
    return tuple(place for place in seams if min(abs(place - first), abs(1 - place - second)) > _BAR_OFF)


def _band(gray: Gray, shares: NDArray[np.floating]) -> tuple[float, bool]:
    """Height of two equal bars that are not quite plain, 0 where there are none; and whether a blurred picture fills them.

    Captions are often written into plain bars, and apps fill the bars of a wide clip on a tall screen with its own blur.
    """
    height = len(gray)
    joined = _joined(shares)
    reach = np.arange(round(_LEAST_BAND * height), round(_MOST_BAR * height))
    # The upper edge lies before its row, the lower one after it; uneven sizes move one by a pixel.
    lower = np.maximum(joined[height - reach], np.maximum(joined[height - reach - 1], joined[height - reach + 1]))
    both, weaker = (joined[reach] + lower) / 2, np.minimum(joined[reach], lower)
    best = int(both.argmax())
    at = int(reach[best])
    if both[best] < _BAND_EDGE or weaker[best] < _BAND_WEAKER:
        return 0.0, False
    margin = max(2, height // 100)
    outside, inside = (gray[: at - margin], gray[height - at + margin :]), gray[at + margin : height - at - margin]
    if all(_is_written_on(one) for one in outside):
        return at / height, False
    fine = _fineness(inside)
    is_soft = fine >= _FINE and all(_fineness(one) <= _SOFT * fine for one in outside)
    return (at / height, True) if is_soft else (0.0, False)


def _is_written_on(gray: Gray) -> bool:
    """Whether most of it has one grey level."""
    level = float(np.median(gray))
    return float((np.abs(gray.astype(np.float32) - level) <= _FLAT).mean()) >= _PLAIN_SHARE


def _fineness(gray: Gray) -> float:
    """Mean step between neighbours two apart, in grey levels: what blur takes away."""
    return float(cv2.absdiff(gray[:, 2:], gray[:, :-2]).mean())


def _bars(gray: Gray) -> tuple[float, float]:
    """Heights of the plain bars on the top and the bottom; 0 where the picture reaches the edge."""
    height = len(gray)
    levels, spread = gray.mean(axis=1), gray.std(axis=1)
    found = []
    for order in (1, -1):
        level, flat = levels[::order], spread[::order] <= _FLAT
        same = flat & (np.abs(level - level[0]) <= _FLAT)
        length = height if same.all() else int(np.argmin(same))
        # The row at the edge mixes both.
        inside = gray[::order][min(length + 1, height - 1)].astype(np.float32)
        differs = float(np.abs(inside - level[0]).mean()) >= _BAR_EDGE
        found.append(length / height if differs and _LEAST_BAR <= length / height <= _MOST_BAR else 0.0)
    return found[0], found[1]


def _sharp_steps(gray: Gray, *, across: bool) -> NDArray[np.bool_]:
    """Where a picture may end between one column (or row) and the next, shape [h, w]; [:, x] lies between x - 1 and x."""
    steps = np.zeros(gray.shape, np.uint8)
    long, short = (_AROUND_PX, 1), (_BESIDE_PX, 1)
    if across:
        steps[:, 1:] = cv2.absdiff(gray[:, 1:], gray[:, :-1])
    else:
        steps[1:] = cv2.absdiff(gray[1:], gray[:-1])
        long, short = long[::-1], short[::-1]
    wide, near = (np.asarray(cv2.boxFilter(steps, cv2.CV_16U, size, normalize=False), np.uint16) for size in (long, short))
    around = wide - near
    sharp = np.multiply(steps, _AROUND_PX - _BESIDE_PX, dtype=np.uint16) >= _SHARP * around
    return np.asarray((steps >= _STEP) & sharp)


def _joined(shares: NDArray[np.floating]) -> NDArray[np.floating]:
    """Shares of sharp steps where scaling may have spread them over two columns."""
    return shares + np.maximum(np.roll(shares, 1), np.roll(shares, -1))


def _seams(shares: NDArray[np.floating]) -> Places:
    """Places of halves and thirds where most of the length is a sharp step; scaling may spread it over two columns."""
    length = len(shares)
    joined = _joined(shares)
    found = []
    for place in _SEAMS_AT:
        low, high = int((place - _SEAM_OFF) * length), int((place + _SEAM_OFF) * length) + 2
        at = low + int(joined[low:high].argmax())
        if joined[at] >= _SEAM:
            found.append(at / length)
    return tuple(sorted(found))


def _inset(across: NDArray[np.bool_], down: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """The rectangle whose sides are sharp steps, the surest one; two of its sides may be edges of the picture."""
    height, width = across.shape
    # A side may be spread over two columns by scaling.
    sides = np.asarray(cv2.dilate(across.astype(np.uint8), np.ones((1, 3), np.uint8)), np.uint8)
    edges = np.asarray(cv2.dilate(down.astype(np.uint8), np.ones((3, 1), np.uint8)), np.uint8)
    at_x, at_y = _longest(sides.sum(axis=0), width, height), _longest(edges.sum(axis=1), height, width)
    x_pairs, y_pairs = _pairs(at_x, width), _pairs(at_y, height)
    if not len(x_pairs) or not len(y_pairs):
        return None
    upright, upright_beyond = _side_shares(sides, at_x, x_pairs, y_pairs)
    level, level_beyond = (one.swapaxes(1, 2) for one in _side_shares(edges.T, at_y, y_pairs, x_pairs))
    sides_shown, beyond = np.concatenate([upright, level]), np.concatenate([upright_beyond, level_beyond])
    mean = np.nanmean(sides_shown, axis=0)
    is_flush = np.isnan(sides_shown).any(axis=0)
    stops = np.where(is_flush, np.nanmax(beyond, axis=0), 0.0) < _MOST_BEYOND
    shown = (
        (np.nanmin(sides_shown, axis=0) >= _LEAST_SIDE_SHOWN) & (mean >= np.where(is_flush, _FLUSH_SEAM, _INSET_SEAM)) & stops
    )
    if not shown.any():
        return None
    areas = np.diff(x_pairs, axis=1) * np.diff(y_pairs, axis=1).T
    surest = np.where(shown, areas * mean**_SURER * np.where(is_flush, _FLUSH_TRUST, 1.0), 0.0)
    x, y = np.unravel_index(int(surest.argmax()), surest.shape)
    left, right = x_pairs[x] / width
    top, bottom = y_pairs[y] / height
    return float(left), float(top), float(right), float(bottom)


def _side_shares(
    steps: NDArray[np.uint8], at: list[int], pairs: NDArray[np.intp], spans: NDArray[np.intp]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Shares of the upright sides of rectangles that are sharp steps, and of what prolongs these sides beyond the rectangle.

    Args:
        steps: Where there is a step, shape [h, w].
        at: Columns that the pairs are made of.
        pairs: Left and right of each rectangle, shape [n, 2]; 0 and w are the picture's edges.
        spans: Top and bottom, shape [m, 2].

    Returns:
        Two arrays [2, n, m], first the left sides, then the right ones; NaN for the picture's edges, which are no steps.
    """
    height, width = steps.shape
    above = np.zeros((height + 1, width + 1), np.int32)
    above[1:, at] = steps[:, at].cumsum(axis=0, dtype=np.int32)
    inside = above[spans[:, 1]] - above[spans[:, 0]]
    lengths = np.diff(spans, axis=1)
    shares, beyond = inside / lengths, (above[-1] - inside) / np.maximum(1, height - lengths)
    for one in (shares, beyond):
        one[:, [0, width]] = np.nan
    return shares.T[pairs.T], beyond.T[pairs.T]


def _pairs(places: list[int], length: int) -> NDArray[np.intp]:
    """Two places each that may be opposite sides of an inset, shape [n, 2]; one may be an edge of the picture."""
    ordered = [0, *sorted(places), length]
    found = [(low, high) for low in ordered for high in ordered if _INSET_SIDE[0] <= (high - low) / length <= _INSET_SIDE[1]]
    return np.array(found, np.intp).reshape(-1, 2)


def _longest(lengths: NDArray[np.integer], count: int, across: int) -> list[int]:
    """Places of the longest straight steps, none next to another, away from the picture's edges."""
    margin = max(2, count // 50)
    ranked = np.argsort(lengths[margin : count - margin])[::-1] + margin
    kept: list[int] = []
    for at in ranked:
        if lengths[at] < _INSET_SIDE[0] * _INSET_SEAM * across or len(kept) == _MOST_SIDES:
            break
        if all(abs(int(at) - other) > 2 for other in kept):  # noqa: PLR2004 - the width of a spread step
            kept.append(int(at))
    return kept
