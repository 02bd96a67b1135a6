"""What an effect is, and the measured frames that effects are told from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.camera.flow import Flow
from reelscope_vision.effects.layout import Layout

_RESTS = 0.01
"""Frame widths, heights or growth a second: less than the slowest motion of a camera that is named."""

Region = tuple[float, float, float, float]
"""Left, top, right, bottom in picture sizes."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One occurrence.

    Attributes:
        kind: As in the contract.
        start_s: Its start.
        end_s: Its end.
        strength: In [0,1].
        confidence: In [0,1].
        evidence: What was measured, for people.
        regions: Where, if not everywhere.
    """

    kind: str
    start_s: float
    end_s: float
    strength: float
    confidence: float
    evidence: str
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Shot:
    """The measures of the frames of one shot, arrays of one length; see effects.measures.

    Attributes:
        starts_s: Of the frames.
        ends_s: Of the frames.
        luma: Mean.
        spread: Standard deviation.
        chroma: Colourfulness.
        tint: How much colour goes with the brightness.
        stray: How far colours are from what goes with the brightness.
        fringe: Shift of red against blue, in hundredths of the width.
        detail: Sharpness.
        details: The same by cell, shape [n, 64].
        change: To the frame before; 0 for the first of the shot.
        cells: The same of coarse pictures by cell, shape [n, 64].
        symmetry: Correlation with the mirrored picture.
        layouts: Index of the frame, and its layout.
        steps: Steps of the flow within the shot, with the time of the later picture; empty where it is not known.
    """

    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    luma: NDArray[np.float64]
    spread: NDArray[np.float64]
    chroma: NDArray[np.float64]
    tint: NDArray[np.float64]
    stray: NDArray[np.float64]
    fringe: NDArray[np.float64]
    detail: NDArray[np.float64]
    details: NDArray[np.float16]
    change: NDArray[np.float64]
    cells: NDArray[np.float16]
    symmetry: NDArray[np.float64]
    layouts: Sequence[tuple[int, Layout]]
    steps: Sequence[tuple[float, Flow]]

    def __len__(self) -> int:
        return len(self.starts_s)

    @property
    def pace(self) -> NDArray[np.float64]:
        """How fast things move, in grey levels of coarse pictures; 0 for the first frame."""
        return np.asarray(np.nan_to_num(self.cells).mean(axis=1, dtype=np.float64))

    @property
    def resting(self) -> NDArray[np.bool_]:
        """The frames in which the picture as a whole rests, as far as that is known."""
        still = [
            (flow.since_s, time_s)
            for time_s, flow in self.steps
            if flow.known and max(abs(flow.x), abs(flow.y), abs(flow.zoom)) < _RESTS
        ]
        inside = np.zeros(len(self), np.bool_)
        bounds = np.searchsorted(self.starts_s, np.reshape(still, (-1, 2)), side="right")
        for first, beyond in bounds.tolist():
            inside[first:beyond] = True
        return inside

    @property
    def seconds(self) -> float:
        """Its length."""
        return float(self.ends_s[-1] - self.starts_s[0])
