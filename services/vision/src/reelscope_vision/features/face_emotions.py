"""Feature "face_emotions": what two networks read in each face, five times a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.faces.face import CROP_MARGIN, FrameFaces
from reelscope_vision.faces.geometry import head_pose
from reelscope_vision.nets.emotion import face_api, mini_xception

_FIRST = "face_emotion"
_SECOND = "face_emotion_second"


@dataclass(frozen=True, slots=True)
class FaceEmotions:
    """Value of the items of the feature "face_emotions": one face at one moment.

    Attributes:
        track: As in "face_tracks".
        probabilities: Shape [7], in the order of nets.emotion.EMOTIONS, mean of both networks.
        frontalness: 1 is frontal, 0 is profile.
    """

    track: int
    probabilities: NDArray[np.float64]
    frontalness: float


class FaceEmotionsFeature(Feature):
    """One item per crop of a face; `index` is the number of the decoded frame."""

    name = "face_emotions"
    version = "1"
    requires = ("face_tracks",)
    models = (_FIRST, _SECOND)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes the faces of one frame; looks at those with a crop."""
        frame: FrameFaces = item.value
        first, second = self.context.model(_FIRST), self.context.model(_SECOND)
        for face in frame.faces:
            if face.crop is None:
                continue
            both = face_api(first, face.crop, CROP_MARGIN) + mini_xception(second, face.crop, CROP_MARGIN)
            value = FaceEmotions(face.track, both / 2, head_pose(face.points, frame.aspect).frontalness)
            yield Item(self.name, item.time_s, item.end_s, item.index, value)
