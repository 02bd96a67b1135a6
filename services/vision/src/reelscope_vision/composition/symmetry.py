"""How much a picture is like its mirror image."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_NOISE: Final = 3.0
"""CIELAB units: a picture that varies by no more is plain, and as symmetric as can be."""


def likeness(lab: NDArray[np.float32], axis: int) -> float:
    """Correlation of a small picture with its mirror image, in [0,1]: 1 is symmetric, 0 has nothing in common.

    Args:
        lab: Shape [h, w, 3], CIELAB.
        axis: Along which it is mirrored: 0 top to bottom, 1 left to right.
    """
    spread = float(np.square(lab - lab.mean(axis=(0, 1))).sum(axis=2).mean())
    difference = float(np.square(lab - np.flip(lab, axis)).sum(axis=2).mean())
    # Both have the same mean and spread, so this is Pearson's correlation, but for the noise.
    return float(np.clip(1 - difference / (2 * (spread + _NOISE**2)), 0.0, 1.0))
