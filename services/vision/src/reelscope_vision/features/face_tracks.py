"""Feature "face_tracks": the faces that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.features.backed_tracks import BackedTracks
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.tracking.boxes import Boxes, intersection

SURE: Final = 0.78
"""Score of the detector that is believed as it is: rockets, dogs and cells under a microscope reach 0.75. Of faces that nothing
else speaks for, which are small ones and drawn ones, some stay below."""

LIKELY: Final = 0.7
"""Score from which something else may speak for a face. The detector's threshold is 0.6: knees and folds of a coat, which a
person holds as a face is held, reach 0.67, and faces that are tilted, small or in tears 0.73 and more."""

LARGE: Final = 0.5
"""Longer side of a face, in shorter sides of the picture, that speaks for it: what is likely by mistake is small, a third at
most, and where a face fills the picture nothing is left to be seen of its person."""

_HELD: Final = 0.75
"""Share of a face within a person from which it is that person's: a head that is cut by the picture's edge still is."""


class FaceTracks(BackedTracks):
    """Frames as "faces" gives them.

    The detector sees a face in much that is round and has two dark spots. A track is told of where one of its looks is sure, or
    is likely and either large or within a person of the detector of objects; without the last, where that fails.
    """

    name = "face_tracks"
    version = "3"
    requires = ("shots", "faces")
    sampled_rate = SEEN.fps or math.inf

    def raw_tracks(self, frame: FrameFaces) -> Sequence[int]:
        """Of the faces."""
        return [face.track for face in frame.faces]

    def sure_tracks(self, frame: FrameFaces) -> Collection[int]:
        """Those that need nobody to speak for them."""
        return {
            face.track
            for face in frame.faces
            if face.score >= SURE or (face.score >= LIKELY and _size(face, frame.aspect) >= LARGE)
        }

    def renumbered(self, frame: FrameFaces, tracks: Mapping[int, int]) -> FrameFaces:
        """With the faces that are told of."""
        return replace(frame, faces=tuple(replace(one, track=tracks[one.track]) for one in frame.faces if one.track in tracks))

    def backed(self, frame: FrameFaces, persons: Boxes) -> Iterable[int]:
        """Likely faces of whom a person holds the most."""
        likely = [face for face in frame.faces if LIKELY <= face.score < SURE]
        boxes = np.array([face.box for face in likely]).reshape(-1, 4)
        held = intersection(boxes, persons).max(axis=1, initial=0.0)
        is_held = (held > 0) & (held >= _HELD * boxes[:, 2:].prod(axis=1))
        return [face.track for face, is_its in zip(likely, is_held, strict=True) if is_its]


def _size(face: Face, aspect: float) -> float:
    """Longer side of a face in shorter sides of the picture, whose width over height is `aspect`."""
    longer: float = (face.box[2:] * (aspect, 1.0)).max()
    return longer / min(aspect, 1.0)
