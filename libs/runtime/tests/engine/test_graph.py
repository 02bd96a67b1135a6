"""How the steps of a run feed one another: side by side, none too far behind, and the same whoever is faster."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment
from reelscope.vision.v1.details_pb2 import QualityDetail
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.graph import BACKLOG_BYTES, BACKLOG_S
from reelscope_runtime.engine.node import Feature
from reelscope_runtime.engine.run import PIECE_S, Cancellation, Run
from reelscope_runtime.media.items import AnyItem, FrameSpec
from support.engine_fakes import FPS, SPEC, Batched, FakeDecoding, Told, lease, media


class Seen(Batched):
    """One segment per frame."""

    name = "seen"
    batch = 1

    def process(self, item: AnyItem) -> Iterable[Segment]:
        yield Segment(start_s=item.time_s, end_s=item.end_s, quality=QualityDetail(overall=1))


class Heard(FakeDecoding):
    """Notes with every frame how many segments were told of by then."""

    def __init__(self, values: Sequence[int], told: Told) -> None:
        super().__init__(values)
        self.told = told
        self.counts: list[int] = []

    def __iter__(self) -> Iterator[tuple[str, AnyItem]]:
        for key, item in super().__iter__():
            self.counts.append(sum(count for _, _, count in self.told.batches))
            yield key, item


def test_what_is_final_is_told_while_the_decoder_goes_on() -> None:
    told = Told()
    decoding = Heard([255] * 300, told)
    work = Run(Catalog([], [Seen]), ["seen"], media=media(300), options=AnalyzeOptions(), lease=lease, sink=told)
    work.execute(decoding.open, Cancellation(), 60.0)
    # So much may wait for a node, be worked on by it, and then the same for the one that takes from it.
    late_s = 4 * (BACKLOG_S + PIECE_S)
    assert all(count >= index - late_s * FPS for index, count in enumerate(decoding.counts)), decoding.counts
    assert told.fractions[-1] == pytest.approx(1.0), "and how far the work has come"


BIG = FrameSpec(720, 720)


class Slow(Feature):
    """Takes its time over small pictures."""

    name = "slow"
    version = "1"
    frames = SPEC

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        time.sleep(0.004)  # stands for work: the decoder is faster
        yield item


class Slower(Slow):
    name = "slower"
    frames = None
    requires = ("slow",)


class Waiting(Batched):
    """Takes large pictures, each of which waits for both."""

    name = "waiting"
    frames = BIG
    requires = ("slower",)
    batch = 1

    def process(self, item: AnyItem) -> Iterable[Segment]:
        return ()


class LargePictures(FakeDecoding):
    """Small and large pictures, and how many of the large ones are held at most."""

    picture_bytes = 720 * 720 * 3
    held = 0

    def __iter__(self) -> Iterator[tuple[str, AnyItem]]:
        living: set[int] = set()
        (large,) = [key for key, spec in self.specs.items() if spec == BIG]
        for key, item in super().__iter__():
            if key == large:
                picture = np.zeros((720, 720, 3), np.uint8)
                living.add(item.index)
                weakref.finalize(picture, living.discard, item.index)
                item = replace(item, value=picture)  # noqa: PLW2901
                del picture
            yield key, item
            self.held = max(self.held, len(living))


def test_pictures_that_wait_for_a_chain_of_slow_nodes_are_few() -> None:
    decoding = LargePictures([0] * 120)
    catalog = Catalog([Slow, Slower], [Waiting])
    work = Run(catalog, ["waiting"], media=media(120), options=AnalyzeOptions(), lease=lease, sink=Told(), threads=3)
    (result,) = work.execute(decoding.open, Cancellation(), 60)
    assert result.status == "succeeded", result.problem
    assert decoding.held <= BACKLOG_BYTES / decoding.picture_bytes + PIECE_S * FPS + 3


class FailsAt30(Slow):
    name = "fails_at_30"

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        if item.index == 30:
            raise ZeroDivisionError("by design")
        yield from super().process(item)


class OnFailing(Batched):
    name = "on_failing"
    requires = ("fails_at_30",)
    batch = 1

    def process(self, item: AnyItem) -> Iterable[Segment]:
        if item.source != "frames":
            yield Segment(start_s=item.time_s, end_s=item.end_s, quality=QualityDetail(overall=1))


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.expects_errors
def test_what_came_before_a_failure_is_worked_off_whoever_is_faster(threads: int) -> None:
    work = Run(
        Catalog([FailsAt30], [OnFailing]), ["on_failing"], media=media(60), options=AnalyzeOptions(), lease=lease, sink=Told(),
        threads=threads,
    )  # fmt: skip
    (result,) = work.execute(FakeDecoding([0] * 60).open, Cancellation(), 60)
    assert result.status == "failed"
    assert "by design" in result.problem.reason
    assert len(result.segments) == 30


class Deaf(Told):
    """Can't take what it is told."""

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        raise BrokenPipeError("nobody listens")


def test_a_listener_that_fails_ends_the_run() -> None:
    work = Run(Catalog([], [Seen]), ["seen"], media=media(60), options=AnalyzeOptions(), lease=lease, sink=Deaf())
    with pytest.raises(BrokenPipeError):
        work.execute(FakeDecoding([0] * 60).open, Cancellation(), 60)
