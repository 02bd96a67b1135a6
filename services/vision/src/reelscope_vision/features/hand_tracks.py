"""Feature "hand_tracks": the hands that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.hands.hand import FrameHands
from reelscope_vision.tracking.settling import PROOF_S, Settled, Settler


class HandTracks(Feature):
    """Frames as "hands" gives them, with final tracks, numbered from 1 in the order of their first frames."""

    name = "hand_tracks"
    version = "1"
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "hands")
    lookback_s = 2 * PROOF_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._settler = Settler()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a transition or the hands of a frame; gives the frames that have waited long enough."""
        if item.source == "shots":
            if item.value.ends_tracks:
                self._settler.cut(item.time_s)
            return
        for settled in self._settler.feed(item, [hand.track for hand in item.value.hands]):
            yield self._item(settled)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the last frames."""
        return [self._item(settled) for settled in self._settler.finish()]

    def _item(self, settled: Settled) -> Item[FrameHands]:
        item, frame, tracks = settled.item, settled.item.value, settled.tracks
        hands = tuple(replace(one, track=tracks[one.track]) for one in frame.hands if one.track in tracks)
        return Item(self.name, item.time_s, item.end_s, item.index, replace(frame, hands=hands))
