"""ByteTrack-class multi-object tracker.

Two-stage association as in Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection Box, ECCV 2022;
overlap of buffered boxes as in Yang et al., Hard to Track Objects with Irregular Motions and Similar Appearances? Make It
Easier by Buffering the Matching Space, WACV 2023, because at a few samples per second a fast object's boxes no longer overlap.
It knows boxes only: what they show (objects, faces, persons) is its caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from reelscope_vision.tracking.boxes import expand, iou
from reelscope_vision.tracking.motion import BoxMotion

UNTRACKED = -1
"""Id of a detection that belongs to no track."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSettings:
    """How detections become tracks.

    Attributes:
        high_score: Detections from here on are associated first.
        low_score: Weaker ones, down to here, only prolong tracks that found nothing better.
        start_score: Only detections from here on start a track.
        max_gap_s: A track not seen for longer ends.
        buffer: Boxes are grown by this share of their size on each side before they are compared.
        lost_buffer: The same for tracks that the previous update did not see.
        min_overlap: Least IoU of the grown boxes for a match.
        relabel_overlap: Least plain IoU for a match across labels: the detector changed its mind about the same thing.
    """

    high_score: float = 0.5
    low_score: float = 0.25
    start_score: float = 0.5
    max_gap_s: float = 2.0
    buffer: float = 0.3
    lost_buffer: float = 0.5
    min_overlap: float = 0.2
    relabel_overlap: float = 0.6


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """What one update did.

    Attributes:
        ids: Track id of every detection, [n]; UNTRACKED where it belongs to none.
        ended: Tracks that will never come back, in order of their ids.
    """

    ids: NDArray[np.int64]
    ended: tuple[int, ...]


@dataclass(slots=True)
class _Track:
    identity: int
    motion: BoxMotion
    seen_s: float
    votes: dict[int, float]
    lost: bool = False

    @property
    def label(self) -> int:
        """The class that most of the score speaks for."""
        return max(self.votes, key=self.votes.__getitem__)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Detections of one frame; `ids` is filled in as they are matched."""

    time_s: float
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]


class Tracker:
    """Follows boxes through the frames of one task. Ids start at 1 and are never used twice.

    Args:
        settings: How detections become tracks.
    """

    def __init__(self, settings: TrackerSettings | None = None) -> None:
        self._settings = settings or TrackerSettings()
        self._tracks: list[_Track] = []
        self._next_identity = 1

    def update(
        self,
        time_s: float,
        boxes: NDArray[np.floating],
        scores: NDArray[np.floating],
        labels: NDArray[np.integer] | None = None,
    ) -> TrackUpdate:
        """Takes the detections of one frame.

        Args:
            time_s: Time of the frame; never earlier than that of the previous update.
            boxes: [n, 4] x, y, w, h in frame sizes.
            scores: [n] in [0,1].
            labels: [n] classes; a track keeps to one class unless the boxes coincide. None: all of one class.
        """
        settings = self._settings
        found = np.asarray(boxes, np.float64).reshape(-1, 4)
        weights = np.asarray(scores, np.float64).reshape(-1)
        kinds = np.zeros(len(found), np.int64) if labels is None else np.asarray(labels, np.int64)
        ended = self._expire(time_s)
        ids = np.full(len(found), UNTRACKED, np.int64)
        frame = _Frame(time_s, found, kinds, ids)

        high = np.flatnonzero(weights >= settings.high_score)
        low = np.flatnonzero((weights < settings.high_score) & (weights >= settings.low_score))
        waiting = list(self._tracks)
        for candidates, plain in ((high, False), (low, False), (np.concatenate([high, low]), True)):
            free = candidates[ids[candidates] == UNTRACKED]
            waiting = self._associate(frame, waiting, free, across_labels=plain)
        for track in waiting:
            track.lost = True
        for index in high[(ids[high] == UNTRACKED) & (weights[high] >= settings.start_score)]:
            ids[index] = self._start(time_s, found[index])
        by_identity = {track.identity: track for track in self._tracks}
        for index in np.flatnonzero(ids != UNTRACKED):
            votes, kind = by_identity[int(ids[index])].votes, int(kinds[index])
            votes[kind] = votes.get(kind, 0.0) + float(weights[index])
        return TrackUpdate(ids, ended)

    def reset(self) -> tuple[int, ...]:
        """Ends every track, as a cut does; gives their ids."""
        ended = tuple(track.identity for track in self._tracks)
        self._tracks.clear()
        return ended

    def _expire(self, time_s: float) -> tuple[int, ...]:
        oldest = time_s - self._settings.max_gap_s
        ended = tuple(track.identity for track in self._tracks if track.seen_s < oldest)
        self._tracks = [track for track in self._tracks if track.seen_s >= oldest]
        return ended

    def _associate(
        self, frame: _Frame, tracks: Sequence[_Track], free: NDArray[np.int64], *, across_labels: bool
    ) -> list[_Track]:
        """Matches tracks with the detections `free` of a frame, writing their ids; gives the tracks that found none."""
        if not tracks or not len(free):
            return list(tracks)
        settings, time_s, boxes = self._settings, frame.time_s, frame.boxes
        predicted = np.stack([track.motion.predicted(time_s - track.seen_s) for track in tracks])
        if across_labels:
            overlap, least = iou(predicted, boxes[free]), settings.relabel_overlap
        else:
            lost = np.array([track.lost for track in tracks])
            near = iou(expand(predicted, settings.buffer), expand(boxes[free], settings.buffer))
            far = iou(expand(predicted, settings.lost_buffer), expand(boxes[free], settings.lost_buffer))
            overlap, least = np.where(lost[:, None], far, near), settings.min_overlap
            own = np.array([track.label for track in tracks])[:, None] == frame.labels[free][None]
            overlap = np.where(own, overlap, 0.0)
        # A pair below the gate must not be preferred to a smaller sum of good pairs: gate before the assignment.
        rows, columns = linear_sum_assignment(np.where(overlap >= least, overlap, 0.0), maximize=True)
        left = set(range(len(tracks)))
        for row, column in zip(rows, columns, strict=True):
            if overlap[row, column] < least:
                continue
            track, index = tracks[row], free[column]
            track.motion.observe(boxes[index], time_s - track.seen_s)
            track.seen_s, track.lost = time_s, False
            frame.ids[index] = track.identity
            left.discard(int(row))
        return [tracks[row] for row in sorted(left)]

    def _start(self, time_s: float, box: NDArray[np.float64]) -> int:
        identity = self._next_identity
        self._next_identity += 1
        self._tracks.append(_Track(identity, BoxMotion(box), time_s, {}))
        return identity
