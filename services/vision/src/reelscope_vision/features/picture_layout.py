"""Feature "picture_layout": symmetry, visual weight, sharpness and bars of pictures, in a few numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.composition.layout import PictureLayout, layout_of
from reelscope_vision.features.pictures import pictures_at
from reelscope_vision.sampling.change_gate import ChangeGate

_SAMPLED_RATE: Final = 5.0
"""Pictures a second that are compared, so that a shot of a fifth of a second is seen."""

_MEASURED_S: Final = 0.5
"""Between two measured pictures: a composition that is not held for a second is none."""

_OTHER: Final = 12.0
"""Grey levels of change, on average over the picture, from which it may be another shot's and is measured at once."""


class PictureLayouts(Feature):
    """About twice a second and after large changes; `index` is the number of the decoded frame. A picture like the last one has
    its measures."""

    name = "picture_layout"
    version = "3"
    frames = pictures_at(_SAMPLED_RATE)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._gate = ChangeGate()
        self._measured_s = -math.inf
        self._has_changed = False
        self._last: PictureLayout | None = None

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and measures it, if it is its turn."""
        change = self._gate.change(item.value)
        self._has_changed |= change > 0
        if item.time_s < self._measured_s + _MEASURED_S and change < _OTHER:
            return
        self._measured_s = item.time_s
        if self._has_changed or self._last is None:
            self._last = layout_of(item.value)
            self._has_changed = False
        yield Item(self.name, item.time_s, item.end_s, item.index, self._last)
