"""Feature "looks": what pictures look like as a whole, twice a second."""

from __future__ import annotations

from collections.abc import Iterable

from reelscope_runtime.engine.node import Feature
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.features.pictures import pictures_at
from reelscope_vision.scenes.look import look_of

SAMPLED_RATE = 2.0
"""Pictures a second: places change by cuts, and within a shot slowly."""


class Looks(Feature):
    """One item per sampled picture; `index` is the number of the decoded frame."""

    name = "looks"
    version = "2"
    frames = pictures_at(SAMPLED_RATE)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and describes it."""
        yield Item(self.name, item.time_s, item.end_s, item.index, look_of(item.value))
