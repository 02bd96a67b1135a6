"""Feature "objects": what a detector sees in each sampled frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Item
from reelscope_runtime.models.nets.nanodet import NANODET_SIZE, Detection, detect, placement_of
from reelscope_vision.features.pictures import ChangeGate

_TASK = "object_detection"

SAMPLED_RATE = 5.0
"""Frames a second: a person who crosses the picture in 2 s moves a tenth of it between two, which the tracker still joins."""

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
    costs one detection.
    """

    name = "objects"
    version = "1"
    frames = FrameSpec(NANODET_SIZE, NANODET_SIZE, fps=SAMPLED_RATE, fit="letterbox")
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        video = context.media.video
        self._placement = placement_of(max(1, video.width), max(1, video.height))
        self._gate = ChangeGate()
        self._detections: tuple[Detection, ...] = ()

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its objects."""
        is_new = self._gate.change(item.value) > 0
        if is_new:
            model = self.context.model(_TASK)
            self._detections = tuple(detect(model, [item.value], self._placement, min_score=LEAST_SCORE)[0])
        yield Item(self.name, item.time_s, item.end_s, item.index, FrameObjects(self._detections, not is_new))
