"""Feature "faces": every face of every frame, with its mesh."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_vision.faces.face import CROP_MARGIN, CROP_SIZE, Face, FrameFaces
from reelscope_vision.faces.follower import MIN_SCORE, Followed, Follower
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.nets.blaze import FACE, Blaze
from reelscope_vision.nets.face_mesh import locate
from reelscope_vision.sampling.change_gate import ChangeGate

_DETECTION = "face_detection"
_MESH = "face_mesh"

CROP_S = 0.2
"""How often a crop is cut of each face."""


class Faces(Feature):
    """Faces in up to 30 frames a second; `index` is the number of the decoded frame.

    Tracks are raw: they go on over cuts and may be a moment's mistake; `face_tracks` has those to tell of. A frame like the
    last one that was looked at has its faces.
    """

    name = "faces"
    version = "6"
    frames = SEEN
    models = (_DETECTION, _MESH)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        detector = Blaze(context.model(_DETECTION), FACE, input_name="input")
        self._follower = Follower(
            detect=partial(detector.detect, min_score=MIN_SCORE), locate=partial(locate, context.model(_MESH))
        )
        self._gate = ChangeGate()
        self._last: tuple[Face, ...] = ()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its faces."""
        picture: Image = item.value
        height, width = picture.shape[:2]
        change = self._gate.change(picture)
        if change > 0:
            followed = self._follower.update(picture, item.time_s, change)
            self._last = tuple(self._face(one, picture, item.time_s) for one in followed)
        else:
            self._last = tuple(replace(face, crop=None) for face in self._last)
        yield Item(self.name, item.time_s, item.end_s, item.index, FrameFaces(self._last, width / height, change == 0))

    def _face(self, followed: Followed, picture: Image, time_s: float) -> Face:
        height, width = picture.shape[:2]
        left, top, right, bottom = followed.mesh.box / (width, height, width, height)
        crop = None
        if time_s - followed.cropped_s >= CROP_S:
            followed.cropped_s = time_s
            crop = followed.mesh.square(CROP_MARGIN).cut(picture, CROP_SIZE)
        return Face(
            track=followed.track,
            box=np.array([left, top, right - left, bottom - top]),
            points=(followed.mesh.points / (width, height, width)).astype(np.float32),
            score=followed.score,
            presence=followed.mesh.presence,
            crop=crop,
        )
