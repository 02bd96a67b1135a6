"""Feature "objects": what a detector sees in each sampled frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Item
from reelscope_runtime.models.nets.nanodet import NANODET_SIZE, Detection, detect, placement_of
from reelscope_vision.sampling.calm_gate import CalmGate, around_objects
from reelscope_vision.tracking.boxes import Boxes

_TASK = "object_detection"

SAMPLED_RATE = 5.0
"""Frames a second: a person who crosses the picture in 2 s moves a tenth of it between two, which the tracker still joins."""

_PATIENCE_S = 1.0
"""While nothing moves, every fifth of these frames is looked at."""

_SURE_SCORE = 0.45
"""Of an object whose inside need not be watched."""

LEAST_SCORE = 0.3
"""Detections from here on are given: the tracker uses weak ones to prolong tracks, and starts none with them."""


@dataclass(frozen=True, slots=True)
class FrameObjects:
    """Value of the items of the feature "objects".

    Attributes:
        detections: Best score first.
        repeated: Whether the frame was like the last one that the detector saw, and has its detections.
    """

    detections: tuple[Detection, ...]
    repeated: bool


class Objects(Feature):
    """COCO objects at 5 frames a second; `index` is the number of the decoded frame.

    A frame in which no cell of a coarse grid changed since the last detected frame is not detected again: a static scene
    costs one detection. Where little changes, as behind and in a talking head, one does for a second.
    """

    name = "objects"
    version = "4"
    frames = FrameSpec(NANODET_SIZE, NANODET_SIZE, fps=SAMPLED_RATE, fit="letterbox")
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        video = context.media.video
        self._placement = placement_of(max(1, video.width), max(1, video.height))
        self._gate = CalmGate(_PATIENCE_S)
        self._detections: tuple[Detection, ...] = ()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its objects."""
        is_new = self._gate.wants(item.value, item.time_s)
        if is_new:
            model = self.context.model(_TASK)
            self._detections = tuple(detect(model, [item.value], self._placement, min_score=LEAST_SCORE)[0])
            self._gate.looked(item.value, item.time_s, around_objects(self._boxes()))
        yield Item(self.name, item.time_s, item.end_s, item.index, FrameObjects(self._detections, not is_new))

    def _boxes(self) -> Boxes:
        """Of the objects that are sure, [n, 4] in sizes of the letterboxed frame."""
        sure = [one for one in self._detections if one.score >= _SURE_SCORE]
        boxes = np.array([(one.x, one.y, one.width, one.height) for one in sure]).reshape(-1, 4)
        place = self._placement
        scale = np.array([place.width, place.height, place.width, place.height])
        placed: Boxes = (boxes * scale + (place.left, place.top, 0, 0)) / NANODET_SIZE
        return placed
