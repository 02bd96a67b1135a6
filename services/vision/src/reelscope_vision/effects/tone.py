"""Effects on the look of whole pictures: no colour, no detail, both halves alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.effects.effect import Effect, Shot
from reelscope_vision.tracking.stretches import runs

_GRAY: Final = 3.0
"""Mean difference of red, green and blue in grey levels: chroma of coded grey pictures stays below 2."""

_PICTURE: Final = 12.0
"""Standard deviation of the luma from which there is a picture that could have colour."""

_TONE_S: Final = 0.3
_BLURRED: Final = 0.4
"""Share of the shot's usual detail that a blurred stretch has left."""

_SHARP: Final = 0.8
"""Share from which on a frame is as sharp as usual."""

_TEXTURE, _LEAST_TEXTURED = 1.5, 0.3
"""Grey levels of detail from which a cell has any, and the share of the cells that must."""

_LOST, _LOST_SHARE = 0.6, 0.85
"""Share of its detail that a cell has left at most, in so many of them."""

_BLUR_PACE: Final = 1.5
"""Times the usual motion above which it is the motion that blurs."""

_SAME_VIEW: Final = 0.5
"""Share of the picture's spread by which coarse pictures may change while the detail goes: more, and it is another view."""

_TINTED: Final = 14.0
"""Grey levels of colour that goes with the brightness alone: old paper and night shots in films have 30, coded grey has 2."""

_STRAY: Final = 0.16
"""Share of that by which colours stray at most. Things have colours of their own, and of one brightness many."""

_STRAY_MOST: Final = 6.0
"""The same in grey levels."""

_GLITCH: Final = 1.2
"""Hundredths of the width by which red and blue are apart in a glitch; lenses stay below 0.3."""

_GLITCH_S: Final = 1.0
"""A longer one is a look of the shot."""

_GLITCH_GAP_S: Final = 0.3
"""Glitches flicker: what is so near is one."""

_MIRRORED: Final = 0.985
"""Correlation of a picture with its mirror image: only made symmetry is so exact."""


def grayscale(shot: Shot) -> Iterable[Effect]:
    """Stretches without colour."""
    state = (shot.chroma <= _GRAY) & (shot.spread >= _PICTURE)
    for start_s, end_s in _stretches(shot, state):
        yield Effect("grayscale", start_s, end_s, 1.0, 0.9, "red, green and blue are equal")


def colour_filter(shot: Shot) -> Iterable[Effect]:
    """Stretches in which each brightness has one colour: sepia, two tones, night vision. Milder filters leave no trace."""
    limit = np.minimum(_STRAY * shot.tint, _STRAY_MOST)
    state = (shot.tint >= _TINTED) & (shot.stray <= limit) & (shot.spread >= _PICTURE) & _rich(shot)
    for start_s, end_s in _stretches(shot, state):
        inside = (shot.starts_s >= start_s) & (shot.ends_s <= end_s + 1e-6)
        tint = float(np.median(shot.tint[inside]))
        evidence = (
            f"colours follow the brightness: {tint:.0f} grey levels of tint, {np.median(shot.stray[inside]):.1f} beside it"
        )
        yield Effect("filter", start_s, end_s, min(1.0, tint / 100), 0.7, evidence)


def glitches(shot: Shot) -> Iterable[Effect]:
    """Moments in which red and blue are torn apart sideways; torn blocks and lines are not told."""
    found: list[list[float]] = []
    for first, beyond in runs(np.abs(shot.fringe) >= _GLITCH):
        start_s, end_s = float(shot.starts_s[first]), float(shot.ends_s[beyond - 1])
        most = float(np.abs(shot.fringe[first:beyond]).max())
        if found and start_s - found[-1][1] <= _GLITCH_GAP_S:
            found[-1][1:] = [end_s, max(most, found[-1][2])]
        else:
            found.append([start_s, end_s, most])
    for start_s, end_s, most in found:
        if end_s - start_s <= min(_GLITCH_S, shot.seconds / 2):
            yield Effect("glitch", start_s, end_s, min(1.0, most / 5), 0.6, f"red and blue are {most:.1f} % of the width apart")


def blur(shot: Shot) -> Iterable[Effect]:
    """Stretches of a shot in which the detail is gone and the picture is not.

    The view must stay the same meanwhile: a pan to a sky loses detail too, and fast motion blurs by itself.
    """
    usual = float(np.quantile(shot.detail, 0.75))
    state = (shot.detail <= _BLURRED * usual) & (shot.spread >= _PICTURE)
    if state.mean() > 0.5 or (usual_spread := float(np.median(shot.spread))) <= 0:  # noqa: PLR2004 - then that is usual
        return
    found = runs(state)
    if not found:
        return
    pace = shot.pace
    usual_pace = float(np.median(pace[~state]))
    cells = shot.details.astype(np.float32)
    normal = np.quantile(cells, 0.75, axis=0)
    textured = normal >= _TEXTURE
    if textured.mean() < _LEAST_TEXTURED:
        return
    sharp = np.flatnonzero(shot.detail >= _SHARP * usual)
    for first, beyond in found:
        start_s, end_s = float(shot.starts_s[first]), float(shot.ends_s[beyond - 1])
        if end_s - start_s < min(_TONE_S, shot.seconds) or float(np.median(shot.spread[first:beyond])) < usual_spread / 2:
            continue
        if float(np.median(pace[first:beyond])) > _BLUR_PACE * usual_pace + 1.0:
            continue
        # All of the picture that has detail loses it; where a title or a person leaves, only a part does.
        lost = np.median(cells[first:beyond], axis=0)[textured] <= _LOST * normal[textured]
        if lost.mean() < _LOST_SHARE:
            continue
        before, after = np.searchsorted(sharp, (first, beyond)).tolist()
        ways = [pace[int(sharp[before - 1]) + 1 : first + 1]] if before else []
        ways += [pace[beyond : int(sharp[after]) + 1]] if after < len(sharp) else []
        if not any(float(way.sum()) <= _SAME_VIEW * usual_spread for way in ways):
            continue
        left = float(np.median(shot.detail[first:beyond])) / usual
        yield Effect("blur", start_s, end_s, 1 - left, 0.7, f"{100 * left:.0f} % of the shot's usual detail left")


def mirror(shot: Shot) -> Iterable[Effect]:
    """Stretches whose right half is the left one mirrored."""
    state = (shot.symmetry >= _MIRRORED) & (shot.spread >= _PICTURE) & _rich(shot)
    for start_s, end_s in _stretches(shot, state):
        yield Effect("mirror", start_s, end_s, 1.0, 0.8, "the right half mirrors the left one")


def _rich(shot: Shot) -> NDArray[np.bool_]:
    """The frames with detail in enough places: a sky has one colour for each brightness, and two equal halves, by itself."""
    return np.asarray((shot.details >= _TEXTURE).mean(axis=1) >= _LEAST_TEXTURED)


def _stretches(shot: Shot, state: NDArray[np.bool_]) -> list[tuple[float, float]]:
    spans = [(float(shot.starts_s[first]), float(shot.ends_s[beyond - 1])) for first, beyond in runs(state)]
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= min(_TONE_S, shot.seconds)]
