"""What "face_tracks", "person_tracks" and "hand_tracks" have in common: settled tracks, and frames each up to the next one."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.sampling.ending import shown_until
from reelscope_vision.tracking.settling import Settled, Settler


class SettledTracks(Feature):
    """Frames as they come, with final tracks, numbered from 1 in the order of their first frames.

    A track ends at a cut even where it goes on at the same place. A frame lasts until the next one that was looked at, or the
    cut before it: of a clip with more frames than are looked at, one alone is shown for less.

    Attributes:
        sampled_rate: Frames a second that are looked at, at most.
        settler: Decides; may be told to believe a track that no frame is sure of.
    """

    sampled_rate: ClassVar[float]

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self.settler = Settler(believes_all=False)
        self._ends_s: deque[float] = deque()
        self._last: AnyItem | None = None

    def held_from_s(self) -> float:
        """Of the frames that are not settled yet: the next one may come much later, after a gap."""
        return self.settler.held_from_s

    @abstractmethod
    def raw_tracks(self, frame: Any) -> Sequence[int]:  # noqa: ANN401 - each feature's own kind of frame
        """Numbers of the raw tracks in a frame."""

    def sure_tracks(self, frame: Any) -> Collection[int]:  # noqa: ANN401 - as above
        """Those of them that the frame is sure of: a track is told of if one of its frames is."""
        return self.raw_tracks(frame)

    @abstractmethod
    def renumbered(self, frame: Any, tracks: Mapping[int, int]) -> Any:  # noqa: ANN401 - as above
        """The frame with the final number of each track; without those that have none."""

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a transition or a frame; gives the frames that have waited long enough."""
        if item.source == "shots":
            if item.value.ends_tracks:
                self._end(item.time_s)
                self.settler.cut(item.time_s)
            return
        self._end(item.time_s)
        self._last = item
        for settled in self.settler.feed(item, self.raw_tracks(item.value), self.sure_tracks(item.value)):
            yield self._item(settled)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the last frames."""
        if self._last is not None:
            self._end(shown_until(self._last.end_s, self.sampled_rate, self.context.media.video.duration_s))
        return [self._item(settled) for settled in self.settler.finish()]

    def _end(self, time_s: float) -> None:
        """Says where the last frame ends, unless a cut has said so."""
        if self._last is not None:
            self._ends_s.append(time_s)
            self._last = None

    def _item(self, settled: Settled) -> AnyItem:
        item = settled.item
        return Item(self.name, item.time_s, self._ends_s.popleft(), item.index, self.renumbered(item.value, settled.tracks))
