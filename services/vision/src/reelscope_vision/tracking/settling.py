"""Which raw tracks are worth telling of: those that last and are believed, cut at the cuts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reelscope_runtime.media.items import AnyItem

PROOF_S = 0.5
"""Frames wait so long for what is in them to prove itself."""

LEAST_S = 0.25
"""What is seen for less, although its shot goes on, was a mistake."""


@dataclass(slots=True)
class _Stretch:
    """One raw track within one shot. `track` is 0 until it has proved itself."""

    first_s: float
    last_s: float
    is_believed: bool
    track: int = 0


@dataclass(slots=True)
class _Shot:
    """A shot; `end_s` grows until the next one begins."""

    start_s: float
    end_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """A frame whose tracks are decided.

    Attributes:
        item: The frame, as it was taken.
        tracks: Final number by raw number, from 1; what is not in it was a mistake.
    """

    item: AnyItem
    tracks: Mapping[int, int]


@dataclass(slots=True)
class Settler:
    """Takes frames with raw track numbers; gives them back, `PROOF_S` later, with final ones, numbered by first appearance.

    Attributes:
        believes_all: Whether lasting is enough; otherwise a track is told of once a frame is sure of it or `believe` is called.
    """

    believes_all: bool = True
    _waiting: deque[tuple[AnyItem, _Shot, tuple[tuple[int, _Stretch], ...]]] = field(default_factory=deque)
    _stretches: dict[int, _Stretch] = field(default_factory=dict)
    _shot: _Shot = field(default_factory=lambda: _Shot(0.0))
    _next_track: int = 1

    @property
    def held_from_s(self) -> float:
        """Time of the earliest frame that waits; infinite where none does."""
        return self._waiting[0][0].time_s if self._waiting else math.inf

    def cut(self, time_s: float) -> None:
        """Everything that comes from now on is another shot's."""
        self._shot = _Shot(time_s)
        self._stretches = {}

    def believe(self, raw_track: int) -> None:
        """Something else says that this track of the current shot is right."""
        if (stretch := self._stretches.get(raw_track)) is not None:
            stretch.is_believed = True

    def feed(self, item: AnyItem, raw_tracks: Sequence[int], sure: Collection[int] = ()) -> Iterable[Settled]:
        """Takes one frame; gives those that have waited long enough.

        Args:
            item: The frame.
            raw_tracks: In it.
            sure: Those of them that this frame alone is reason enough to believe.
        """
        self._shot.end_s = item.end_s
        seen = []
        for raw in raw_tracks:
            stretch = self._stretches.setdefault(raw, _Stretch(item.time_s, item.end_s, self.believes_all))
            stretch.last_s = item.end_s
            stretch.is_believed |= raw in sure
            seen.append((raw, stretch))
        self._waiting.append((item, self._shot, tuple(seen)))
        while self._waiting[0][0].time_s < item.time_s - PROOF_S:
            yield self._settled()

    def finish(self) -> Iterable[Settled]:
        """Gives the last frames."""
        while self._waiting:
            yield self._settled()

    def _settled(self) -> Settled:
        item, shot, seen = self._waiting.popleft()
        tracks = {}
        for raw, stretch in seen:
            lasts = stretch.last_s - stretch.first_s >= min(LEAST_S, shot.end_s - shot.start_s)
            if not stretch.track and lasts and stretch.is_believed:
                stretch.track = self._next_track
                self._next_track += 1
            if stretch.track:
                tracks[raw] = stretch.track
        return Settled(item, tracks)
