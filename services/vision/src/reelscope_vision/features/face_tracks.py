"""Feature "face_tracks": the faces that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.person_boxes import person_boxes
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.features.settled_tracks import SettledTracks
from reelscope_vision.tracking.boxes import intersection

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


class FaceTracks(SettledTracks):
    """Frames as "faces" gives them.

    The detector sees a face in much that is round and has two dark spots. A track is told of where one of its looks is sure, or
    is likely and either large or within a person of the detector of objects; without the last, where that fails.
    """

    name = "face_tracks"
    version = "3"
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "faces")
    wants = ("objects",)
    sampled_rate = SEEN.fps or math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._faces: AnyItem | None = None
        self._objects: AnyItem | None = None

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

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a transition, or the faces or objects of a frame; gives the frames that have waited long enough."""
        if isinstance(item.value, FrameObjects):
            self._objects = item
            self._believe()
            return
        if isinstance(item.value, FrameFaces):
            self._faces = item
        elif item.value.ends_tracks:
            self._faces = self._objects = None
        settled = list(super().process(item))
        self._believe()
        yield from settled

    def _believe(self) -> None:
        """Lets the persons of the same moment speak for likely faces."""
        if self._faces is None:
            return
        likely = [face for face in self._faces.value.faces if LIKELY <= face.score < SURE]
        if not likely:
            return
        boxes = np.array([face.box for face in likely])
        common = intersection(boxes, person_boxes(self._objects, self._faces.time_s)).max(axis=1, initial=0.0)
        for face, is_held in zip(likely, common >= _HELD * boxes[:, 2:].prod(axis=1), strict=True):
            if is_held:
                self.settler.believe(face.track)


def _size(face: Face, aspect: float) -> float:
    """Longer side of a face in shorter sides of the picture, whose width over height is `aspect`."""
    longer: float = (face.box[2:] * (aspect, 1.0)).max()
    return longer / min(aspect, 1.0)
