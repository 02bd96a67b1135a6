"""When the background becomes another one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

_OTHER_COLOR: Final = 0.07
"""OKLab distance of a changed cell: three just noticeable differences, above flicker and automatic exposure."""

_CHANGED: Final = 0.5
"""Share of the background's cells that change when it becomes another one."""

_STEADIER: Final = 0.5
"""Of the step's changed share that the steps around it stay below: the background of a moving camera changes all the time."""

_STAYS: Final = 0.35
"""Share of a person's cells that may change while the person stays where they are; a gesture changes a tenth."""

_LEAST_CELLS: Final = 16
"""One hundredth of the picture."""


class View(Protocol):
    """A picture in cells, [rows, columns]: colours in OKLab, and which cells are background and person."""

    @property
    def lab(self) -> NDArray[np.float32]:
        """Colours, [rows, columns, 3]."""
        ...

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Background for sure."""
        ...

    @property
    def person(self) -> NDArray[np.bool_]:
        """Person for sure."""
        ...


def changed_share(before: NDArray[np.float32], after: NDArray[np.float32], chosen: NDArray[np.bool_]) -> float:
    """Share of the chosen cells that have another colour; 0 where none is chosen."""
    if not chosen.any():
        return 0.0
    return float((np.linalg.norm(after[chosen] - before[chosen], axis=-1) > _OTHER_COLOR).mean())


def background_share(before: View, after: View) -> float:
    """Share of the background that changed, of what is seen in both; 0 where that is too little."""
    both = before.visible & after.visible
    return changed_share(before.lab, after.lab, both) if np.count_nonzero(both) >= _LEAST_CELLS else 0.0


def is_other(before: View, after: View) -> bool:
    """Whether the two backgrounds are different ones."""
    return background_share(before, after) >= _CHANGED


def person_stays(before: View, after: View) -> bool:
    """Whether somebody is in both pictures, at the same place and with the same look."""
    both = before.person & after.person
    either = np.count_nonzero(before.person | after.person)
    if np.count_nonzero(both) < max(_LEAST_CELLS, either / 2):
        return False
    return changed_share(before.lab, after.lab, both) <= _STAYS


def is_break(before: Sequence[View], after: Sequence[View]) -> bool:
    """Whether the background becomes another one between the two runs of pictures, all at once and for good.

    Args:
        before: Pictures in order, at least one.
        after: The pictures that follow, at least one.
    """
    step = background_share(before[-1], after[0])
    if step < _CHANGED or not all(is_other(before[-1], one) for one in after):
        return False
    others = [background_share(first, second) for run in (before, after) for first, second in pairwise(run)]
    return not others or float(np.max(others)) <= _STEADIER * step
