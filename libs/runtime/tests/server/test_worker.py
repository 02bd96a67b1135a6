"""What becomes of a task: every ending, on the in-memory bus with a runner that does as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeEvent, AnalyzeRequest, AnalyzerResult, DeadLetter, Segment, SegmentBatch
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_runtime.bus.base import Event
from reelscope_runtime.bus.memory import MemoryBus
from reelscope_runtime.engine.run import Cancellation
from reelscope_runtime.errors import MediaError, ServiceError, UnavailableError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.results import RESULT_KEY_HEADER
from reelscope_runtime.server.tasks import TaskEvent
from reelscope_runtime.server.worker import LARGEST_EVENT_BYTES, Worker
from reelscope_runtime.settings import WorkerSettings

SERVICE = "vision"
SETTINGS = WorkerSettings(ack_wait_s=5, backoff_s=(0.01,), max_deliver=4)


class Runner:
    """Stands for TaskRunner: gives one batch of segments and one result, or fails as it is told."""

    service = SERVICE

    def __init__(self, fail: Callable[[int], Exception | None] = lambda _: None, *, waits: bool = False) -> None:
        self.fail = fail
        self.waits = waits
        self.attempts: list[int] = []
        self.begun = asyncio.Event()

    async def analyze(self, request: AnalyzeRequest, *, cancellation: Cancellation, attempt: int) -> AsyncIterator[TaskEvent]:
        self.attempts.append(attempt)
        segment = Segment(start_s=1, end_s=2)
        yield TaskEvent(AnalyzeEvent(job_id=request.job_id, analyzer="cut_analysis", segments=SegmentBatch(segments=[segment])))
        if (error := self.fail(attempt)) is not None:
            raise error
        status = "succeeded"
        if self.waits:
            stopped = asyncio.Event()
            loop = asyncio.get_running_loop()
            cancellation.bind(lambda: loop.call_soon_threadsafe(stopped.set))
            self.begun.set()
            await stopped.wait()
            status = "cancelled"
        result = AnalyzerResult(analyzer="cut_analysis", status=status, segments=[segment])
        key = "cut_analysis.key" if status == "succeeded" else ""
        yield TaskEvent(AnalyzeEvent(job_id=request.job_id, analyzer="cut_analysis", result=result), key)


@asynccontextmanager
async def working(bus: MemoryBus, runner: Runner, metrics: Metrics | None = None) -> AsyncIterator[Worker]:
    worker = Worker(bus, runner, settings=SETTINGS, metrics=metrics or Metrics())  # type: ignore[arg-type]
    running = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.drain()
        worker.give_back()
        await running


async def submit(bus: MemoryBus, job_id: str = "job") -> None:
    request = AnalyzeRequest(job_id=job_id)
    await bus.publish_task(SERVICE, "normal", request.SerializeToString(), message_id=f"{job_id}.{SERVICE}")


async def events_until(bus: MemoryBus, kind: str, job_id: str = "job") -> list[Event]:
    """The job's events up to the first of a kind."""
    seen = []
    async for event in bus.events(job_id):
        seen.append(event)
        if AnalyzeEvent.FromString(event.payload).WhichOneof("event") == kind:
            return seen
    raise AssertionError(kind)


async def letters(bus: MemoryBus) -> list[DeadLetter]:
    return [letter async for letter in bus.dead_letters()]


async def is_empty(bus: MemoryBus) -> bool:
    source = await bus.tasks(SERVICE, ack_wait_s=5)
    try:
        return await source.next(0.05) is None
    finally:
        await source.close()


async def test_a_task_is_run_told_of_and_acknowledged() -> None:
    bus, metrics = MemoryBus(), Metrics()
    async with working(bus, Runner(), metrics):
        await submit(bus)
        batch, result = await events_until(bus, "result")
    assert AnalyzeEvent.FromString(batch.payload).segments.segments[0].start_s == 1
    told = AnalyzeEvent.FromString(result.payload).result
    assert result.headers[RESULT_KEY_HEADER] == "cut_analysis.key"
    assert (told.status, len(told.segments)) == ("succeeded", 0), "its segments are in the result store"
    assert await is_empty(bus)
    assert metrics.registry.get_sample_value("reelscope_tasks_total", {"service": SERVICE, "outcome": "done"}) == 1
    assert metrics.registry.get_sample_value("reelscope_tasks_running", {"service": SERVICE}) == 0


async def test_what_may_work_later_is_tried_again_and_tells_nothing_twice() -> None:
    bus = MemoryBus()
    runner = Runner(lambda attempt: UnavailableError("the store does not answer") if attempt < 3 else None)
    async with working(bus, runner):
        await submit(bus)
        seen = await events_until(bus, "result")
    assert runner.attempts == [1, 2, 3]
    assert len(seen) == 2, "the segments of three tries are one event"
    assert await letters(bus) == []


@pytest.mark.parametrize(
    ("error", "tries", "code"),
    [
        (MediaError("no moov box", code="media_truncated"), 1, "media_truncated"),
        (UnavailableError("never answers"), 4, "unavailable"),
        (ZeroDivisionError("a bug"), 1, "internal"),
    ],
)
@pytest.mark.expects_errors
async def test_what_cannot_work_becomes_a_dead_letter_and_a_told_problem(error: Exception, tries: int, code: str) -> None:
    bus, metrics = MemoryBus(), Metrics()
    runner = Runner(lambda _: error)
    async with working(bus, runner, metrics):
        await submit(bus)
        problem = AnalyzeEvent.FromString((await events_until(bus, "problem"))[-1].payload).problem
    assert len(runner.attempts) == tries
    assert problem.code == code
    reason = error.reason if isinstance(error, ServiceError) else "ZeroDivisionError: a bug"
    assert problem.reason == reason
    (letter,) = await letters(bus)
    assert (letter.problem.code, letter.attempts, letter.subject) == (code, tries, "reelscope.task.vision.normal")
    assert AnalyzeRequest.FromString(letter.payload).job_id == "job"
    assert await is_empty(bus)
    assert metrics.registry.get_sample_value("reelscope_dead_letters_total", {"service": SERVICE}) == 1


async def test_a_task_that_ended_every_worker_is_buried_without_being_run() -> None:
    bus = MemoryBus()
    await submit(bus)
    source = await bus.tasks(SERVICE, ack_wait_s=5)
    for _ in range(4):  # four workers die with it in hand
        delivery = await source.next(1)
        assert delivery is not None
        await delivery.nak()
    await source.close()
    runner = Runner()
    async with working(bus, runner):
        problem = AnalyzeEvent.FromString((await events_until(bus, "problem"))[-1].payload).problem
    assert runner.attempts == []
    assert problem.code == "max_deliver"
    assert len(await letters(bus)) == 1


async def test_what_is_no_request_is_buried() -> None:
    bus = MemoryBus()
    async with working(bus, Runner()):
        await bus.publish_task(SERVICE, "high", b"\xff\xff\xff", message_id="rubbish")
        await submit(bus)
        await events_until(bus, "result")
    (letter,) = await letters(bus)
    assert letter.problem.code == "invalid_request"


async def test_cancelling_stops_the_run_and_a_cancelled_job_is_not_begun() -> None:
    bus, runner = MemoryBus(), Runner(waits=True)
    async with working(bus, runner):
        await submit(bus)
        await runner.begun.wait()
        await bus.publish_cancel("job")
        result = AnalyzeEvent.FromString((await events_until(bus, "result"))[-1].payload).result
        assert result.status == "cancelled"
        await bus.jobs.create("other", Job(job_id="other", state="cancelled").SerializeToString())
        await submit(bus, "other")
    assert runner.attempts == [1]
    assert await letters(bus) == []


async def test_at_shutdown_the_task_in_hand_goes_back_to_the_queue() -> None:
    bus, first = MemoryBus(), Runner(waits=True)
    async with working(bus, first):
        await submit(bus)
        await first.begun.wait()
    second = Runner()
    async with working(bus, second):
        await events_until(bus, "result")
    assert second.attempts == [2]


async def test_a_bus_that_fails_while_a_task_is_settled_does_not_end_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = MemoryBus()
    failures: list[str] = []
    publish = bus.publish_dead_letter

    async def fail_once(letter: DeadLetter) -> None:
        if not failures:
            failures.append(letter.message_id)
            raise UnavailableError("nobody answers")
        await publish(letter)

    monkeypatch.setattr(bus, "publish_dead_letter", fail_once)
    runner = Runner(lambda _: MediaError("broken") if len(runner.attempts) == 1 else None)
    async with working(bus, runner):
        await submit(bus, "first")
        await submit(bus, "second")
        await events_until(bus, "result", "second")
    assert failures == ["first.vision"]


async def test_a_batch_that_is_too_large_for_the_bus_is_told_in_parts() -> None:
    bus = MemoryBus()
    batch = SegmentBatch(first_index=3)
    for index in range(40):
        batch.segments.add(start_s=index, end_s=index + 1).text.text = "x" * 50_000
    batch.segments.add(start_s=40, end_s=41).text.text = "y" * 2_000_000

    class Large(Runner):
        async def analyze(
            self, request: AnalyzeRequest, *, cancellation: Cancellation, attempt: int
        ) -> AsyncIterator[TaskEvent]:
            yield TaskEvent(AnalyzeEvent(job_id=request.job_id, analyzer="text_overlay", segments=batch))
            result = AnalyzerResult(analyzer="text_overlay", status="failed", segments=batch.segments)
            yield TaskEvent(AnalyzeEvent(job_id=request.job_id, analyzer="text_overlay", result=result))

    async with working(bus, Large()):
        await submit(bus)
        seen = await events_until(bus, "result")
    told: list[Segment] = []
    for event in seen[:-1]:
        part = AnalyzeEvent.FromString(event.payload).segments
        assert len(event.payload) <= LARGEST_EVENT_BYTES
        assert part.first_index == 3 + len(told)
        told.extend(part.segments)
    assert [segment.start_s for segment in told] == [segment.start_s for segment in batch.segments]
    assert told[:40] == list(batch.segments)[:40]
    assert not told[40].HasField("text"), "its place is kept, its detail is in the result"
    assert await letters(bus) == []


async def test_the_work_of_a_job_that_has_ended_is_not_begun() -> None:
    bus, runner = MemoryBus(), Runner()
    async with working(bus, runner):
        await bus.jobs.create("over", Job(job_id="over", state="succeeded").SerializeToString())
        await submit(bus, "over")
        await submit(bus)
        await events_until(bus, "result")
    assert runner.attempts == [1]
