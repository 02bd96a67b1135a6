"""Feature "picture_layout": symmetry, visual weight, sharpness and bars of pictures, in a few numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_vision.composition.layout import PictureLayout, layout_of
from reelscope_vision.features.pictures import SEEN, ChangeGate

SAMPLED_RATE: Final = 2.0
"""Pictures a second: a composition that is not held for a second is none."""


class PictureLayouts(Feature):
    """Twice a second; `index` is the number of the decoded frame. A picture like the last one has its measures."""

    name = "picture_layout"
    version = "1"
    frames = SEEN

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._sampler = RateSampler(SAMPLED_RATE)
        self._gate = ChangeGate()
        self._last: PictureLayout | None = None

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and measures it, if it is its turn."""
        if not self._sampler.wants(item.time_s, item.end_s):
            return
        if self._gate.change(item.value) > 0 or self._last is None:
            self._last = layout_of(item.value)
        yield Item(self.name, item.time_s, item.end_s, item.index, self._last)
