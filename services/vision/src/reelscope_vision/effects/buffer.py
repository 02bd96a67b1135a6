"""Measures of the frames of the shot that is going on, in a third of a kilobyte each: a shot may last for hours."""

from __future__ import annotations

from typing import Final

import numpy as np

from reelscope_vision.camera.flow import Flow
from reelscope_vision.effects.effect import Shot
from reelscope_vision.effects.layout import Layout
from reelscope_vision.effects.measures import CELLS, FrameMeasures

_SCALARS: Final = ("luma", "spread", "chroma", "tint", "stray", "fringe", "detail", "change", "symmetry")

_ROW: Final = np.dtype(
    [
        ("starts_s", "f8"),
        ("ends_s", "f8"),
        *((name, "f4") for name in _SCALARS),
        ("details", "f2", CELLS * CELLS),
        ("cells", "f2", CELLS * CELLS),
    ]
)

_CHUNK: Final = 1024
"""Frames for which room is made at once."""


class ShotBuffer:
    """Takes frames and steps of the flow in the order of their times; gives them as shots and forgets them."""

    def __init__(self) -> None:
        self._rows = np.empty(_CHUNK, _ROW)
        self._count = 0
        self._layouts: list[tuple[float, Layout]] = []
        self._steps: list[tuple[float, Flow]] = []

    def __len__(self) -> int:
        """Frames that are kept."""
        return self._count

    def add(self, time_s: float, end_s: float, measures: FrameMeasures) -> None:
        """Takes a frame."""
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty(max(_CHUNK, self._count // 4), _ROW)])
        scalars = (getattr(measures, name) for name in _SCALARS)
        self._rows[self._count] = (time_s, end_s, *scalars, measures.details, measures.cells)
        self._count += 1
        if measures.layout is not None:
            self._layouts.append((time_s, measures.layout))

    def add_step(self, time_s: float, flow: Flow) -> None:
        """Takes a step of the flow, by the time of its later picture."""
        self._steps.append((time_s, flow))

    def take(self, start_s: float, end_s: float) -> Shot | None:
        """The shot between two times, None if no frame is in it; forgets all before its end."""
        rows, layouts, steps = self._rows[: self._count], self._layouts, self._steps
        first, beyond = np.searchsorted(rows["starts_s"], (start_s, end_s)).tolist()
        kept = rows[max(first, beyond) :]
        self._rows, self._count = np.concatenate([kept, np.empty(_CHUNK, _ROW)]), len(kept)
        self._layouts = [one for one in layouts if one[0] >= max(start_s, end_s)]
        self._steps = [one for one in steps if one[0] >= end_s]
        if first >= beyond:
            return None
        inside = rows[first:beyond]
        change = np.nan_to_num(inside["change"].astype(np.float64))
        change[0] = 0.0
        starts_s = inside["starts_s"].copy()
        times_s = [time_s for time_s, _ in layouts]
        low, high = np.searchsorted(times_s, (start_s, end_s)).tolist() if times_s else (0, 0)
        return Shot(
            starts_s=starts_s,
            ends_s=inside["ends_s"].copy(),
            **{name: inside[name].astype(np.float64) for name in _SCALARS if name != "change"},
            details=inside["details"],
            change=change,
            cells=inside["cells"],
            layouts=[(int(np.searchsorted(starts_s, time_s)), layout) for time_s, layout in layouts[low:high]],
            steps=[(time_s, flow) for time_s, flow in steps if flow.since_s >= start_s and time_s < end_s],
        )
