"""Feature "looks": what pictures look like as a whole, twice a second."""

from __future__ import annotations

from collections.abc import Iterable

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.scenes.look import look_of

SAMPLED_RATE = 2.0
"""Pictures a second: places change by cuts, and within a shot slowly."""


class Looks(Feature):
    """One item per sampled picture; `index` is the number of the decoded frame."""

    name = "looks"
    version = "1"
    frames = SEEN

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._sampler = RateSampler(SAMPLED_RATE)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and describes it, if it is its turn."""
        if self._sampler.wants(item.time_s, item.end_s):
            yield Item(self.name, item.time_s, item.end_s, item.index, look_of(item.value))
