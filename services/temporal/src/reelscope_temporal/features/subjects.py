"""What is in the picture, once a second: COCO objects by NanoDet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Item
from reelscope_runtime.models.nets import nanodet

MIN_SCORE = 0.45
"""NanoDet-g below this is wrong about as often as right on our clips; a sentence must not name what may not be there."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One object. `area` is the share of the picture that its box covers; `center` is where, in [0,1]."""

    label: str
    score: float
    area: float
    center: tuple[float, float]


class Subjects(Feature):
    """Items whose value is a tuple of `Subject`, the largest first."""

    name = "subjects"
    version = "2"
    frames = FrameSpec(nanodet.NANODET_SIZE, nanodet.NANODET_SIZE, fps=1.0, fit="letterbox")
    models = ("object_detection",)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._model = context.model("object_detection")
        video = context.media.video
        self._placement = nanodet.placement_of(video.width, video.height)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Detects in one frame."""
        (found,) = nanodet.detect(self._model, [item.value], self._placement, min_score=MIN_SCORE)
        yield Item(self.name, item.time_s, item.end_s, item.index, _subjects(found))


def _subjects(found: Sequence[nanodet.Detection]) -> tuple[Subject, ...]:
    subjects = [
        Subject(one.label, one.score, one.width * one.height, (one.x + one.width / 2, one.y + one.height / 2)) for one in found
    ]
    return tuple(sorted(subjects, key=lambda subject: -subject.area))
