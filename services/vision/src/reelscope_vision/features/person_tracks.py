"""Feature "person_tracks": the persons that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.persons.person import FramePersons
from reelscope_vision.tracking.settling import PROOF_S, Settled, Settler


class PersonTracks(Feature):
    """Frames as "persons" gives them, with final tracks, numbered from 1 in the order of their first frames."""

    name = "person_tracks"
    version = "1"
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "persons")
    lookback_s = 2 * PROOF_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._settler = Settler()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a transition or the persons of a frame; gives the frames that have waited long enough."""
        if item.source == "shots":
            if item.value.ends_tracks:
                self._settler.cut(item.time_s)
            return
        for settled in self._settler.feed(item, [person.track for person in item.value.persons]):
            yield self._item(settled)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the last frames."""
        return [self._item(settled) for settled in self._settler.finish()]

    def _item(self, settled: Settled) -> Item[FramePersons]:
        item, frame, tracks = settled.item, settled.item.value, settled.tracks
        persons = tuple(replace(one, track=tracks[one.track]) for one in frame.persons if one.track in tracks)
        return Item(self.name, item.time_s, item.end_s, item.index, replace(frame, persons=persons))
