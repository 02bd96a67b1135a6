"""Bars: which beats are accented again and again."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

METRES: Final = (4, 3)
"""Beats in a bar; four is tried first, for most music has it."""

MIN_BARS: Final = 4
"""Fewer prove nothing."""

MIN_CONTRAST: Final = 1.0
"""How far the accents of the first beats must lie above those of the others, in deviations of the others."""

MIN_RATIO: Final = 1.15
"""And by which factor."""


def bars(accents: NDArray[np.float64]) -> tuple[int, int]:
    """Metre and the number of the first downbeat; (0, 0) where no metre is clear.

    Args:
        accents: Strength of each beat, shape [beats].
    """
    best = (0.0, 0, 0)
    for metre in METRES:
        if len(accents) < MIN_BARS * metre:
            continue
        for phase in range(metre):
            first = np.arange(len(accents)) % metre == phase
            on, off = accents[first], accents[~first]
            contrast = (on.mean() - off.mean()) / (off.std() + 1e-3 * accents.mean() + 1e-12)
            if contrast >= MIN_CONTRAST and on.mean() >= MIN_RATIO * off.mean() and contrast > best[0]:
                best = (float(contrast), metre, phase)
    return best[1], best[2]
