"""Feature "face_traits": age, presented gender and identity of each face, about once a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.faces.geometry import head_pose
from reelscope_vision.nets.faceres import Traits, traits

_TASK = "age_gender"

FIRST = 3
"""Of a new track, so many crops are looked at one after the other: short tracks have no more."""

EVERY_S = 1.0
"""And then one in so many seconds: a face does not change, only its light and angle do."""

_SHARP = 100.0
"""Variance of the Laplacian of a crop from which a face is sharp (Pech-Pacheco et al., ICPR 2000, as commonly used)."""

_LARGE = 0.25
"""Height of a face, in frame heights, from which size says nothing more for its quality."""


@dataclass(frozen=True, slots=True)
class FaceTraits:
    """Value of the items of the feature "face_traits": one face at one moment.

    Attributes:
        track: As in "face_tracks".
        traits: What the network made of it.
        quality: In [0,1]: size, sharpness and score together.
        frontalness: 1 is frontal, 0 is profile.
    """

    track: int
    traits: Traits
    quality: float
    frontalness: float

    @property
    def weight(self) -> float:
        """How much this moment counts beside others of the track."""
        return max(self.quality * self.frontalness, np.finfo(np.float64).tiny)


class FaceTraitsFeature(Feature):
    """One item per face that was looked at; `index` is the number of the decoded frame."""

    name = "face_traits"
    version = "1"
    requires = ("face_tracks",)
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._looks: dict[int, tuple[int, float]] = {}

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes the faces of one frame; looks at those whose turn it is."""
        frame: FrameFaces = item.value
        due = [(face, face.crop) for face in frame.faces if face.crop is not None and self._is_due(face, item.time_s)]
        found = traits(self.context.model(_TASK), [crop for _, crop in due])
        for (face, crop), one in zip(due, found, strict=True):
            count, _ = self._looks.get(face.track, (0, 0.0))
            self._looks[face.track] = count + 1, item.time_s
            frontalness = head_pose(face.points, frame.aspect).frontalness
            value = FaceTraits(face.track, one, quality(face, crop), frontalness)
            yield Item(self.name, item.time_s, item.end_s, item.index, value)

    def _is_due(self, face: Face, time_s: float) -> bool:
        count, last_s = self._looks.get(face.track, (0, 0.0))
        return count < FIRST or time_s - last_s >= EVERY_S


def quality(face: Face, crop: Image) -> float:
    """How good a picture of a face this is, in [0,1]: the geometric mean of its size, sharpness and score."""
    size = min(1.0, float(face.box[3]) / _LARGE)
    sharpness = min(1.0, float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()) / _SHARP)
    return float(np.cbrt(max(size, 0.0) * sharpness * face.score))
