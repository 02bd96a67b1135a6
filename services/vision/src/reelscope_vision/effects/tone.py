"""Effects on the look of whole pictures: no colour, no detail, both halves alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.effects.effect import Effect, Shot, runs

_GRAY: Final = 3.0
"""Mean difference of red, green and blue in grey levels: chroma of coded grey pictures stays below 2."""

_PICTURE: Final = 12.0
"""Standard deviation of the luma from which there is a picture that could have colour."""

_TONE_S: Final = 0.3
_BLURRED: Final = 0.4
"""Share of the shot's usual detail that a blurred stretch has left."""

_MIRRORED: Final = 0.985
"""Correlation of a picture with its mirror image: only made symmetry is so exact."""


def grayscale(shot: Shot) -> Iterable[Effect]:
    """Stretches without colour."""
    state = (shot.chroma <= _GRAY) & (shot.spread >= _PICTURE)
    for start_s, end_s in _stretches(shot, state):
        yield Effect("grayscale", start_s, end_s, 1.0, 0.9, "red, green and blue are equal")


def blur(shot: Shot) -> Iterable[Effect]:
    """Stretches of a shot in which the detail is gone and the picture is not."""
    usual = float(np.quantile(shot.detail, 0.75))
    state = (shot.detail <= _BLURRED * usual) & (shot.spread >= _PICTURE)
    if state.mean() > 0.5 or (usual_spread := float(np.median(shot.spread))) <= 0:  # noqa: PLR2004 - then that is usual
        return
    for start_s, end_s in _stretches(shot, state):
        inside = (shot.starts_s >= start_s) & (shot.ends_s <= end_s + 1e-6)
        if float(np.median(shot.spread[inside])) < usual_spread / 2:
            continue
        left = float(np.median(shot.detail[inside])) / usual
        yield Effect("blur", start_s, end_s, 1 - left, 0.7, f"{100 * left:.0f} % of the shot's usual detail left")


def mirror(shot: Shot) -> Iterable[Effect]:
    """Stretches whose right half is the left one mirrored."""
    state = (shot.symmetry >= _MIRRORED) & (shot.spread >= _PICTURE)
    for start_s, end_s in _stretches(shot, state):
        yield Effect("mirror", start_s, end_s, 1.0, 0.8, "the right half mirrors the left one")


def _stretches(shot: Shot, state: NDArray[np.bool_]) -> list[tuple[float, float]]:
    spans = [(float(shot.starts_s[first]), float(shot.ends_s[beyond - 1])) for first, beyond in runs(state)]
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= min(_TONE_S, shot.seconds)]
