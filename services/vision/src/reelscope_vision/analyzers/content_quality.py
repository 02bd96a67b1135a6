"""Analyzer "content_quality": how good the picture is, shot by shot, and what spoils it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.vision.v1.details_pb2 import BlackBars, QualityDetail, QualitySummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.camera.flow import Flow
from reelscope_vision.features.picture_quality import SAMPLED_RATE, PictureQuality
from reelscope_vision.quality.bars import Bars
from reelscope_vision.quality.steadiness import Jitter, Unsteadiness
from reelscope_vision.sampling.ending import shown_until
from reelscope_vision.shots.transition import Transition

_OTHER_LEVEL = 15.0
"""Points of the overall score between two stretches of a shot: a viewer sees the difference at once."""

_LEVEL_SAMPLES = 120
"""Pictures of a stretch, its last ones, that a new one is compared with: two minutes, after which nobody sees a difference."""

_SURE_SAMPLES = 3
"""Pictures after which a segment's medians hardly change."""


_AVERAGED = (
    "overall",
    "sharpness",
    "noise",
    "blockiness",
    "underexposed_share",
    "overexposed_share",
    "contrast",
    "stability",
)
"""Fields of the segments that the summary has as well."""


@dataclass(slots=True)
class _Sample:
    """One looked-at picture, and the camera's jitter until the next one."""

    time_s: float
    end_s: float
    quality: PictureQuality
    jitter: Jitter = field(default_factory=Jitter)


class ContentQuality(Analyzer):
    """One segment per shot, or stretch of a shot where the score changes by much for two samples or longer.

    A shot so short that no picture of it is sampled has none.
    """

    name = "content_quality"
    version = "2"
    description = "Sharpness, noise, blockiness, exposure, contrast, stability and black bars, with one score of 0 to 100"
    detail = "quality"
    stills = True
    # Shots first: of a cut and a picture at the same time, the picture belongs to the new shot.
    requires = ("shots", "picture_quality")
    wants = ("flow",)
    # A segment begins where its shot does, which may be the start of the clip.
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._shot: list[_Sample] = []
        self._shot_start_s = 0.0
        self._unsteadiness = Unsteadiness()
        # Of one picture nothing more can be known.
        self._sure_samples = _SURE_SAMPLES if context.media.video.duration_s > 1 / SAMPLED_RATE else 1
        self._weighted: list[tuple[float, QualityDetail]] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a transition, the measures of a picture or a step of the flow."""
        value = item.value
        if isinstance(value, Transition):
            self._unsteadiness.cut()
            if value.opens_shot:
                yield from self._end_shot(value.time_s)
                self._shot_start_s = value.time_s
        elif isinstance(value, PictureQuality):
            self._shot.append(_Sample(item.time_s, item.end_s, value))
        elif isinstance(value, Flow) and self._shot and value.since_s >= self._shot_start_s:
            self._shot[-1].jitter.add(self._unsteadiness.add(value))

    def flush(self) -> Iterable[Segment]:
        """Gives the last shot."""
        if self._shot:
            yield from self._end_shot(shown_until(self._shot[-1].end_s, SAMPLED_RATE, self.context.media.video.duration_s))

    def summary(self) -> Summary:
        """The measures weighted by time, and what the stream says of itself."""
        video = self.context.media.video
        bit_rate = video.bit_rate or self.context.media.bit_rate
        pixels_per_s = video.width * video.height * video.frame_rate
        barred = [(seconds, detail) for seconds, detail in self._weighted if detail.letterbox]
        found = QualitySummary(
            width=video.width,
            height=video.height,
            bit_rate=bit_rate,
            bits_per_pixel=bit_rate / pixels_per_s if pixels_per_s > 0 else 0.0,
            frame_rate=video.frame_rate,
            letterbox=sum(one for one, _ in barred) * 2 > sum(one for one, _ in self._weighted),
            bars=max(barred, key=lambda pair: pair[0])[1].bars if barred else BlackBars(),
        )
        for name in _AVERAGED:
            known = [(seconds, getattr(one, name)) for seconds, one in self._weighted if _has(one, name)]
            if known:
                weights, values = zip(*known, strict=True)
                setattr(found, name, float(np.average(values, weights=weights)))
        return Summary(quality=found)

    def _end_shot(self, end_s: float) -> Iterable[Segment]:
        samples, self._shot = self._shot, []
        bounds = _stretches([one.quality.overall for one in samples])
        for first, beyond in bounds:
            is_first, is_last = first == 0, beyond == len(samples)
            start_s = self._shot_start_s if is_first else samples[first].time_s
            stop_s = end_s if is_last else samples[beyond].time_s
            detail = _detail(samples[first:beyond])
            # A clip of one still picture may have no duration at all.
            self._weighted.append((max(stop_s - start_s, 1e-3), detail))
            yield Segment(
                start_s=start_s,
                end_s=stop_s,
                confidence=min(1.0, (beyond - first) / self._sure_samples),
                quality=detail,
            )


def _has(detail: QualityDetail, name: str) -> bool:
    return not detail.DESCRIPTOR.fields_by_name[name].has_presence or name in {field.name for field, _ in detail.ListFields()}


def _stretches(scores: Sequence[float]) -> list[tuple[int, int]]:
    """First and beyond of each stretch; one sample alone that differs, a blink or a blurred moment, is none."""
    firsts = [0] if scores else []
    for index in range(1, len(scores) - 1):
        level = float(np.median(scores[max(firsts[-1], index - _LEVEL_SAMPLES) : index]))
        now, later = scores[index] - level, scores[index + 1] - level
        if abs(now) > _OTHER_LEVEL and abs(later) > _OTHER_LEVEL and now * later > 0:
            firsts.append(index)
    return list(zip(firsts, [*firsts[1:], len(scores)], strict=True))


def _detail(samples: Sequence[_Sample]) -> QualityDetail:
    measures = [one.quality.measures for one in samples]
    around = _common_bars([one.quality.bars for one in samples])
    jitter = Jitter()
    for one in samples:
        jitter.add(one.jitter)
    sharpness = [one.sharpness for one in measures if one.sharpness is not None]
    return QualityDetail(
        overall=_median([one.quality.overall for one in samples]),
        sharpness=_median(sharpness) if sharpness else None,
        noise=_median([one.noise for one in measures]),
        blockiness=_median([one.blockiness for one in measures]),
        underexposed_share=_median([one.exposure.under for one in measures]),
        overexposed_share=_median([one.exposure.over for one in measures]),
        contrast=_median([one.exposure.contrast for one in measures]),
        stability=jitter.stability,
        letterbox=around != Bars(),
        bars=BlackBars(top=around.top, bottom=around.bottom, left=around.left, right=around.right),
    )


def _common_bars(found: Sequence[Bars]) -> Bars:
    return Bars(*(_median([getattr(one, side) for one in found]) for side in ("top", "bottom", "left", "right")))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))
