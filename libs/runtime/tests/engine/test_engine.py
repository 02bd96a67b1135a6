"""The graph engine on made nodes whose right output is known."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, AnalyzerResult, Segment, Summary
from reelscope.vision.v1.details_pb2 import CutDetail, CutSummary, QualityDetail
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.graph import BACKLOG_S
from reelscope_runtime.engine.inbox import Inbox
from reelscope_runtime.engine.node import Analyzer, Feature
from reelscope_runtime.engine.results import Outcome
from reelscope_runtime.engine.run import PIECE_S, Cancellation, Run
from reelscope_runtime.errors import (
    DeadlineError,
    InternalError,
    InvalidRequestError,
    MediaError,
    UnknownAnalyzerError,
)
from reelscope_runtime.media.items import AnyItem, AudioSpec, FrameSpec, Item
from support.engine_fakes import FPS, SPEC, Batched, FakeDecoding, Leased, Told, lease, media


class Bright(Feature):
    """Gives, `lookback_s` late, the frames that are brighter than 100."""

    name = "bright"
    version = "1"
    frames = SPEC
    lookback_s = 0.5

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.held: list[AnyItem] = []

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        if item.value.max() > 100:
            self.held.append(item)
        while self.held and self.held[0].time_s <= item.time_s - 0.4:
            yield self.held.pop(0)

    def flush(self) -> Iterable[AnyItem]:
        yield from self.held


class Counter(Analyzer):
    """One segment per bright frame; sees frames and bright ones merged."""

    name = "counter"
    version = "1"
    description = "counts"
    detail = "cut"
    frames = SPEC
    requires = ("bright",)

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.seen: list[tuple[str, float]] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        self.seen.append((item.source, item.time_s))
        if item.source == "bright":
            yield Segment(start_s=item.time_s, end_s=item.end_s, confidence=2.0, cut=CutDetail(kind="hard", frame=item.index))

    def summary(self) -> Summary:
        assert self.seen == sorted(self.seen, key=lambda pair: (pair[1], pair[0] != "frames"))
        return Summary(cut=CutSummary(cut_count=sum(source == "bright" for source, _ in self.seen)))


class Unbuildable(Batched):
    name = "unbuildable"

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        raise InvalidRequestError("no such language")


class Broken(Batched):
    name = "broken"

    def process_batch(self, items: Sequence[AnyItem]) -> Iterable[Segment]:
        if items[0].time_s > 1:
            raise ZeroDivisionError("by design")
        return super().process_batch(items)


class OnBroken(Batched):
    name = "on_broken"
    frames = None
    requires = ("broken",)


class Listener(Batched):
    name = "listener"
    frames = None
    audio = AudioSpec()
    batch = 1

    def process(self, item: AnyItem) -> Iterable[Segment]:
        return ()


class NeedsModel(Batched):
    name = "needs_model"
    models = ("nothing",)


class Wanting(Batched):
    """Goes on without what it wants; says what it got of each."""

    name = "wanting"
    frames = None
    requires = ("bright",)
    wants = ("broken", "needs_model", "listener", "batched")
    optional_models = ("nothing", "something")
    batch = 1

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        assert context.model("nothing") is None
        assert context.model("something") is Leased.model
        self.got: list[str] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        self.got.append(item.source)
        yield Segment(start_s=item.time_s, end_s=item.end_s, quality=QualityDetail(overall=self.got.count(item.source)))


CATALOG = Catalog([Bright], [Counter, Batched, Broken, OnBroken, Listener, NeedsModel, Unbuildable, Wanting])


def run(names: Sequence[str], decoding: FakeDecoding, **more: Any) -> tuple[dict[str, AnalyzerResult], Told]:
    told = Told()
    info = more.pop("info", media(len(decoding.values)))
    work = Run(CATALOG, names, media=info, options=AnalyzeOptions(), lease=lease, sink=told)
    results = work.execute(decoding.open, more.pop("cancellation", Cancellation()), more.pop("deadline_s", 60.0))
    return {result.analyzer: result for result in results}, told


def test_items_of_all_inputs_come_in_the_order_of_their_times() -> None:
    values = [255 if index % 7 == 3 else 0 for index in range(46)]  # the last ones come with the flush
    results, told = run(["counter"], FakeDecoding(values))
    result = results["counter"]
    assert result.status == "succeeded", result.problem
    assert [segment.cut.frame for segment in result.segments] == [3, 10, 17, 24, 31, 38, 45]
    assert result.summary.cut.cut_count == 7
    assert result.coverage == 1.0
    assert all(segment.confidence == 1.0 for segment in result.segments), "confidences are held to [0,1]"
    firsts = [first for _, first, _ in told.batches]
    assert firsts == list(itertools.accumulate((count for _, _, count in told.batches[:-1]), initial=0)), "told one by one"
    assert sum(count for _, _, count in told.batches) == 7


def test_one_decode_feeds_all_and_equal_specs_share_one_conversion() -> None:
    decoding = FakeDecoding([0] * 20)
    results, _ = run(["counter", "batched"], decoding)
    assert list(decoding.specs.values()) == [SPEC]
    assert {result.status for result in results.values()} == {"succeeded"}
    assert {node.node for node in results["counter"].timing.nodes} == {"decoder", "bright"}
    assert results["counter"].timing.nodes[0].items == 20


def test_batches_are_full_until_the_last() -> None:
    Batched.sizes.clear()
    results, _ = run(["batched"], FakeDecoding([0] * 10))
    assert Batched.sizes == [4, 4, 2]
    assert len(results["batched"].segments) == 10


@pytest.mark.expects_errors
def test_a_failing_analyzer_fails_alone_and_says_why() -> None:
    results, _ = run(["broken", "on_broken", "counter"], FakeDecoding([0] * 40))
    assert results["broken"].status == "failed"
    assert "ZeroDivisionError: by design" in results["broken"].problem.reason
    assert 0 < results["broken"].coverage < 1
    assert results["on_broken"].status == "failed"
    assert "rests on broken" in results["on_broken"].problem.reason
    assert results["counter"].status == "succeeded"


def test_an_analyzer_that_cannot_be_made_fails_alone() -> None:
    results, _ = run(["unbuildable", "batched"], FakeDecoding([0] * 5))
    assert (results["unbuildable"].status, results["unbuildable"].problem.code) == ("failed", "invalid_request")
    assert results["batched"].status == "succeeded"


def test_coverage_counts_from_the_first_shown_frame() -> None:
    info = media(20)
    info.video.start_s = 2.0
    info.audio.duration_s = 4.0  # 0-4 s in the file, of which 0-2 s on our clock can be heard
    outcome = Outcome(info)
    outcome.video_end_s = outcome.audio_end_s = 2.0
    assert outcome.coverage(["audio"]) == 1.0
    outcome.audio_end_s = 1.0
    assert outcome.coverage(["audio"]) == pytest.approx(0.5)


def test_missing_streams_are_not_applicable_and_missing_models_unavailable() -> None:
    results, _ = run(["listener", "needs_model"], FakeDecoding([0] * 5))
    assert (results["listener"].status, results["listener"].problem.code) == ("not_applicable", "no_audio")
    assert results["listener"].coverage == 1.0
    assert (results["needs_model"].status, results["needs_model"].coverage) == ("unavailable", 0.0)
    assert "fetch them" in results["needs_model"].problem.reason


@pytest.mark.expects_errors
def test_what_is_merely_wanted_may_fail_or_be_missing() -> None:
    results, _ = run(["wanting"], FakeDecoding([255] * 40))
    result = results["wanting"]
    assert result.status == "succeeded", result.problem
    assert [segment.start_s for segment in result.segments] == sorted(segment.start_s for segment in result.segments)
    assert len(result.segments) == 40 + 40 + 12, "bright ones, batched ones, and the three batches before the failure"
    assert result.coverage == 1.0
    assert CATALOG.streams("wanting") == {"video"}, "what it wants needs the sound, not it"


def test_a_decoder_that_dies_leaves_what_was_found() -> None:
    results, _ = run(["counter"], FakeDecoding([255] * 20, error=MediaError("crashed")), info=media(40))
    assert results["counter"].status == "failed"
    assert results["counter"].problem.reason == "crashed"
    assert len(results["counter"].segments) >= 14
    assert results["counter"].coverage == pytest.approx(0.4, abs=0.06), (
        "what the held-back counter really saw of the half that came"
    )


def test_an_early_end_lowers_the_coverage() -> None:
    results, _ = run(["batched"], FakeDecoding([0] * 20), info=media(80))
    assert results["batched"].status == "succeeded"
    assert results["batched"].coverage == pytest.approx(0.25)


def test_what_came_before_a_decoder_died_is_worked_off_unless_the_run_was_cancelled() -> None:
    results, _ = run(["batched"], FakeDecoding([255] * 5, error=MediaError("crashed")), info=media(40))
    assert results["batched"].problem.reason == "crashed"
    assert results["batched"].coverage > 0
    waiting, cancellation = threading.Event(), Cancellation()
    threading.Thread(target=lambda: (waiting.wait(10), cancellation.cancel()), daemon=True).start()
    decoding = FakeDecoding([255] * 5, wait=waiting, error=MediaError("crashed"))
    results, _ = run(["batched"], decoding, info=media(40), cancellation=cancellation)
    assert results["batched"].status == "cancelled"


class Patient(Feature):
    """Gives each frame when the next one comes, however late that is."""

    name = "patient"
    version = "1"
    frames = SPEC

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.held: AnyItem | None = None

    def held_from_s(self) -> float:
        return math.inf if self.held is None else self.held.time_s

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        yield from self.flush()
        self.held = item

    def flush(self) -> Iterable[AnyItem]:
        if self.held is not None:
            held, self.held = self.held, None
            yield held


class Merging(Counter):
    """Sees frames and what waited for the next one in the order of their times."""

    name = "merging"
    requires = ("patient",)


def test_what_a_node_holds_holds_its_dependants_up() -> None:
    catalog = Catalog([Patient], [Merging])
    work = Run(catalog, ["merging"], media=media(40), options=AnalyzeOptions(), lease=nullcontext, sink=Told())
    (result,) = work.execute(FakeDecoding([0] * 40).open, Cancellation(), 60.0)
    assert result.status == "succeeded", result.problem


def test_cancel_and_deadline_end_a_waiting_run() -> None:
    waiting, cancellation = threading.Event(), Cancellation()
    threading.Thread(target=lambda: (waiting.wait(10), cancellation.cancel()), daemon=True).start()
    results, _ = run(["batched"], FakeDecoding([0] * 4, wait=waiting, error=None), cancellation=cancellation)
    assert results["batched"].status == "cancelled"
    late, _ = run(["batched"], FakeDecoding([0] * 4, wait=threading.Event()), deadline_s=0.05)
    assert (late["batched"].status, late["batched"].problem.code) == ("failed", DeadlineError.code)


class Talkative(Batched):
    """Gives much at its end, and is cancelled after the first of it."""

    name = "talkative"
    cancellation: ClassVar[Cancellation]
    given: ClassVar[list[int]] = []

    def process_batch(self, items: Sequence[AnyItem]) -> Iterable[Segment]:
        return ()

    def flush(self) -> Iterable[Segment]:
        for number in range(100):
            self.given.append(number)
            yield Segment(start_s=0.0, end_s=0.1, quality=QualityDetail(overall=1))
            self.cancellation.cancel()


def test_a_cancelled_run_does_not_wait_for_all_that_a_node_gives_at_its_end() -> None:
    Talkative.cancellation = Cancellation()
    catalog = Catalog([], [Talkative])
    work = Run(catalog, ["talkative"], media=media(4), options=AnalyzeOptions(), lease=lease, sink=Told())
    (result,) = work.execute(FakeDecoding([0] * 4).open, Talkative.cancellation, 60.0)
    assert result.status == "cancelled"
    assert len(Talkative.given) <= 2


def test_inbox_waits_for_the_slower_input() -> None:
    inbox = Inbox(["frames", "shots"])
    inbox.push("frames", Item("frames", 1.0, 1.1, 0, None))
    assert inbox.pop() is None
    inbox.advance("shots", 1.0)
    item = inbox.pop()
    assert item is not None
    assert item.time_s == 1.0
    inbox.push("shots", Item("shots", 1.0, 1.0, 0, None))
    assert inbox.pop() is None, "another frame at 1.0 s may come, and would be first"
    inbox.advance("frames", 1.5)
    assert inbox.pop() is not None


def test_what_concludes_holds_nothing_up_and_comes_last() -> None:
    inbox = Inbox(["frames", "people"], at_end=("people",))
    inbox.push("people", Item("people", 0.5, 0.5, 0, "everybody"))
    for number in range(3):
        inbox.push("frames", Item("frames", float(number), number + 1.0, number, "frame"))
    frames = [inbox.pop() for _ in range(3)]
    assert [item.value for item in frames if item] == ["frame"] * 3
    assert inbox.watermark == -math.inf
    assert inbox.pop() is None, "another frame may come"
    inbox.advance("frames", math.inf)
    last = inbox.pop()
    assert last is not None
    assert last.value == "everybody"
    assert inbox.watermark == -math.inf, "and more of its kind"
    inbox.advance("people", math.inf)
    assert inbox.watermark == math.inf


class Both(Batched):
    """Wants pictures and sound, and notes how many items wait for it."""

    name = "both"
    audio = AudioSpec()
    batch = 1
    waiting: ClassVar[list[int]] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        return ()


class ShortSound(FakeDecoding):
    """Half a second of sound under the pictures."""

    def __iter__(self) -> Iterator[tuple[str, AnyItem]]:
        (frames,) = [key for key, spec in self.specs.items() if isinstance(spec, FrameSpec)]
        (audio,) = [key for key, spec in self.specs.items() if isinstance(spec, AudioSpec)]
        self.audio_end_s = 0.5
        yield audio, Item("audio", 0.0, 0.5, 0, np.zeros((1, 8000), np.float32))
        for key, item in super().__iter__():
            if key == frames:
                self.ended_streams = {"audio"}
                yield key, item
                self.held = max(self.held, self.run._steps["both"].inbox.waiting)

    held = 0
    run: Run


def test_sound_that_ends_early_holds_no_pictures_up() -> None:
    info = media(50)
    info.audio.duration_s = 0.5
    decoding = ShortSound([0] * 50)
    decoding.run = Run(Catalog([], [Both]), ["both"], media=info, options=AnalyzeOptions(), lease=lease, sink=Told())
    (result,) = decoding.run.execute(decoding.open, Cancellation(), 60)
    assert result.status == "succeeded", result.problem
    assert result.timing.items == 51
    assert decoding.held <= math.ceil((PIECE_S + BACKLOG_S) * FPS) + 1, "no more than what may wait for a step that works"


class Late(Bright):
    name = "late"
    lookback_s = 0.0


class OnLate(Counter):
    name = "on_late"
    requires = ("late",)


def test_a_broken_promise_about_lookback_is_found() -> None:
    told = Told()
    work = Run(Catalog([Late], [OnLate]), ["on_late"], media=media(20), options=AnalyzeOptions(), lease=lease, sink=told)
    (result,) = work.execute(FakeDecoding([255] * 20).open, Cancellation(), 60)
    assert result.status == "failed"
    assert "lookback_s is too small" in result.problem.reason


def test_a_wrong_catalog_does_not_start() -> None:
    with pytest.raises(InternalError, match="two nodes are named 'bright'"):
        Catalog([Bright, Bright], [])
    with pytest.raises(InternalError, match="requires 'bright', which is no feature"):
        Catalog([], [Counter])

    class Round(Bright):
        requires = ("bright",)

    with pytest.raises(InternalError, match="circle"):
        Catalog([Round], [])

    class Odd(Batched):
        detail = "nonsense"

    with pytest.raises(InternalError, match="no field of Segment"):
        Catalog([], [Odd])

    class Hasty(Counter):
        at_end = ("bright",)

    with pytest.raises(InternalError, match="lookback_s infinite"):
        Catalog([Bright], [Hasty])
    with pytest.raises(UnknownAnalyzerError, match="no analyzer 'x' here; there are: batched"):
        CATALOG.select(["x"])


class Meets(Batched):
    """Works only if its twin works at the same time."""

    name = "meets"
    batch = 1
    together: ClassVar[threading.Barrier]

    def process(self, item: AnyItem) -> Iterable[Segment]:
        self.together.wait(10)
        return ()


class MeetsToo(Meets):
    name = "meets_too"


def test_nodes_that_do_not_wait_for_one_another_work_side_by_side() -> None:
    Meets.together = threading.Barrier(2)
    decoding = FakeDecoding([0] * 10)
    catalog = Catalog([], [Meets, MeetsToo])
    names = ["meets", "meets_too"]
    work = Run(catalog, names, media=media(10), options=AnalyzeOptions(), lease=lease, sink=Told(), threads=2)
    results = work.execute(decoding.open, Cancellation(), 60)
    assert [(result.status, result.timing.items) for result in results] == [("succeeded", 10)] * 2
