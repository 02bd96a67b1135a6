"""A decoder, a listener and a node whose behaviour is known, for tests of the engine."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, Self

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult, ModelInfo, Segment, Summary
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope.vision.v1.details_pb2 import QualityDetail, QualitySummary
from reelscope_runtime.engine.node import Analyzer
from reelscope_runtime.errors import MediaError, ModelUnavailableError
from reelscope_runtime.media.items import AnyItem, FrameSpec, Item, Spec

FPS = 10.0
SPEC = FrameSpec(8, 8)


class Batched(Analyzer):
    name = "batched"
    version = "1"
    description = "takes four at a time"
    detail = "quality"
    frames = SPEC
    batch = 4
    sizes: ClassVar[list[int]] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        raise AssertionError(item)

    def process_batch(self, items: Sequence[AnyItem]) -> Iterable[Segment]:
        self.sizes.append(len(items))
        for item in items:
            yield Segment(start_s=item.time_s, end_s=item.end_s, quality=QualityDetail(overall=1))

    def summary(self) -> Summary:
        return Summary(quality=QualitySummary(overall=1))


class FakeDecoding:
    """Frames of constant brightness at FPS; fails or waits where told."""

    def __init__(self, values: Sequence[int], *, error: MediaError | None = None, wait: threading.Event | None = None) -> None:
        self.values, self.error, self.wait = values, error, wait
        self.position_s = self.decode_s = self.video_end_s = self.audio_end_s = 0.0
        self.frames_decoded = 0
        self.warnings: list[str] = []
        self.ended_streams: set[str] = set()
        self.specs: Mapping[str, Spec] = {}
        self.cancelled = threading.Event()

    def open(self, specs: Mapping[str, Spec]) -> FakeDecoding:
        self.specs = specs
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancelled.set()

    def cancel(self) -> None:
        self.cancelled.set()

    def __iter__(self) -> Iterator[tuple[str, AnyItem]]:
        for index, value in enumerate(self.values):
            self.frames_decoded += 1
            self.video_end_s = (index + 1) / FPS
            for key in self.specs:
                picture = np.full((8, 8, 3), value, np.uint8)
                yield key, Item("frames", index / FPS, (index + 1) / FPS, index, picture)
        if self.wait is not None:
            self.wait.set()
            assert self.cancelled.wait(10)
        if self.error is not None:
            raise self.error


class Told:
    def __init__(self) -> None:
        self.batches: list[tuple[str, int, int]] = []
        self.results: list[AnalyzerResult] = []
        self.fractions: list[float] = []

    def progress(self, fraction: float, media_time_s: float) -> None:
        self.fractions.append(fraction)

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        self.batches.append((analyzer, first_index, len(segments)))

    def result(self, result: AnalyzerResult) -> None:
        self.results.append(result)


class Leased:
    model = object()
    info = ModelInfo(name="m")


def lease(task: str) -> Any:
    if task == "nothing":
        raise ModelUnavailableError("no such weights: fetch them")
    return nullcontext(Leased())


def media(frames: int, *, video: bool = True) -> MediaInfo:
    info = MediaInfo(duration_s=frames / FPS)
    if video:
        info.video.duration_s, info.video.frame_rate = frames / FPS, FPS
    return info
