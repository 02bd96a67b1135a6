"""Feature "subjects": the people and objects of a picture in a few numbers, for who keeps them to the clip's end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.composition.candidate import Candidate, candidates
from reelscope_vision.features.objects import SAMPLED_RATE

_FRESH_S = 1.5 / SAMPLED_RATE
"""Faces and bodies are of the same picture, or of one shortly before where rates differ."""

Subjects = tuple[Candidate, ...]
"""Value of the items."""


class SubjectsFeature(Feature):
    """Five times a second; `index` is the number of the decoded frame.

    Small, unlike faces with their meshes and crops: they can be kept until the whole clip is known.
    """

    name = "subjects"
    version = "1"
    # Objects last: of one picture, faces and bodies have come by then.
    requires = ("face_tracks", "person_tracks", "objects")

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._last: dict[str, AnyItem] = {}

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes what one of the three found in a picture."""
        if item.source != "objects":
            self._last[item.source] = item
            return
        value = candidates(
            self._fresh("face_tracks", item.time_s), self._fresh("person_tracks", item.time_s), item.value.detections
        )
        yield Item(self.name, item.time_s, item.end_s, item.index, value)

    def _fresh(self, source: str, time_s: float) -> Any:  # noqa: ANN401 - two kinds of values
        item = self._last.get(source)
        return item.value if item is not None and item.time_s >= time_s - _FRESH_S else None
