"""What an app's own buttons and captions would cover of a composition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment
from reelscope.vision.v1.details_pb2 import CompositionDetail, SafeZoneConflict
from reelscope_vision.composition.candidate import Place
from reelscope_vision.composition.division import Sample
from reelscope_vision.composition.safe_zones import MOST_ASPECT, covered
from reelscope_vision.tracking.boxes import box_message

_LEAST: Final = {"face": 0.1, "text": 0.1, "subject": 0.5}
"""Covered share from which it matters: a face or a text must be seen whole, of a body the legs may be covered."""

_OFTEN: Final = 0.3
"""Share of the samples in which a face is seen that counts: who passes by does not."""

_NO_OVERLAY: Final = "scene_text"


def conflicts(
    detail: CompositionDetail, samples: Sequence[Sample], texts: Sequence[Segment], aspect: float
) -> list[SafeZoneConflict]:
    """The worst of each kind in each zone.

    Args:
        detail: Says where the subject is.
        samples: Say where faces are.
        texts: Segments of "text_overlay" that are on the picture meanwhile.
        aspect: Width over height of the picture.
    """
    if aspect > MOST_ASPECT:
        return []
    worst: dict[tuple[str, str], SafeZoneConflict] = {}
    for what, label, box in _things(detail, samples, texts):
        for zone, share in covered(box).items():
            before = worst.get((what, zone))
            if share >= _LEAST[what] and (before is None or share > before.covered_share):
                worst[what, zone] = SafeZoneConflict(
                    what=what, zone=zone, covered_share=share, label=label, box=box_message(np.array(box))
                )
    return list(worst.values())


def _things(detail: CompositionDetail, samples: Sequence[Sample], texts: Sequence[Segment]) -> Iterable[tuple[str, str, Place]]:
    """Kind, label and box of everything that should not be covered."""
    heads: defaultdict[str, list[list[float]]] = defaultdict(list)
    for sample in samples:
        for one in sample.people:
            if not np.isnan(one.numbers[4]):
                heads[one.key].append(one.numbers[4:8].tolist())
    for boxes in heads.values():
        if len(boxes) >= _OFTEN * len(samples):
            yield "face", "", _shown(np.median(boxes, axis=0).tolist())
    if detail.subject_kind:
        box = detail.subject
        yield "subject", detail.subject_label, (box.x, box.y, box.w, box.h)
    for segment in texts:
        if segment.text.kind != _NO_OVERLAY and segment.text.polygons:
            points = [(point.x, point.y) for point in segment.text.polygons[0].points]
            low, high = np.min(points, axis=0), np.max(points, axis=0)
            yield "text", segment.text.text, (*low.tolist(), *(high - low).tolist())


def _shown(box: Sequence[float]) -> Place:
    """The part of a box that is within the picture."""
    low, high = np.clip(box[:2], 0.0, 1.0), np.clip(np.add(box[:2], box[2:]), 0.0, 1.0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
