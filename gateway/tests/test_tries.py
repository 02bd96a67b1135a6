"""What becomes of a job when something fails that it needs: it is tried again, given back or written off, never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

import pytest

from reelscope.analysis.v1.analysis_pb2 import Problem
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.jobs import queueing, worker
from reelscope_gateway.jobs.ids import new_job_id
from reelscope_gateway.jobs.queueing import JobQueue
from reelscope_gateway.jobs.records import JobRecords
from reelscope_gateway.jobs.runner import JobRunner, Parts
from reelscope_gateway.jobs.worker import JobWorker
from reelscope_runtime.errors import FetchError, NotFoundError, ResourceExhaustedError, ServiceError, UnavailableError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.settings import WorkerSettings


class Records(JobRecords):
    """One job in memory; `watch` stands for the watch of its record."""

    def __init__(self, job: Job | None, watch: Callable[[], Awaitable[None]]) -> None:
        self.job = job
        self._watch = watch

    async def find(self, job_id: str) -> Job | None:
        return self.job

    async def change(self, job_id: str, change: Callable[[Job], None]) -> Job:
        if self.job is None:
            raise NotFoundError("gone")
        change(self.job)
        return self.job

    async def until_final(self, job_id: str) -> None:
        await self._watch()


def runner_for(records: Records, **parts: Any) -> JobRunner:
    names = ("bus", "events", "downloader", "intake", "ending", "directory", "fanout", "collector", "metrics")
    fakes: dict[str, Any] = {name: AsyncMock() for name in names}
    return JobRunner(Parts(records=records, job_deadline_s=60, **(fakes | parts)))


def a_job(state: str = "analyzing") -> Job:
    return Job(job_id=new_job_id(), state=state, source="http://x/", source_kind="url")


async def for_ever(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("error", [None, StopAsyncIteration(), NotFoundError("the bucket is gone"), UnavailableError("away")])
async def test_a_watch_that_ends_before_the_job_gives_the_job_back(error: Exception | None) -> None:
    async def watch() -> None:
        if error is not None:
            raise error

    job = a_job()
    directory = AsyncMock()
    directory.select.side_effect = for_ever
    job.media.uri = "file:///x"
    with pytest.raises(UnavailableError) as raised:
        await runner_for(Records(job, watch), directory=directory).run(job.job_id, attempt=1)
    assert raised.value.retryable


async def test_a_job_that_another_has_ended_is_done() -> None:
    job = a_job("cancelled")
    events = AsyncMock()
    await runner_for(Records(job, for_ever), events=events).run(job.job_id, attempt=1)
    events.publish_state.assert_awaited_once_with(job)


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_download_that_may_succeed_later_is_tried_again(retryable: bool) -> None:
    @asynccontextmanager
    async def fetch(*_: object) -> AsyncIterator[None]:
        raise FetchError("429", code="blocked_by_source", retryable=retryable)
        yield

    async def end(job_id: str, state: str, change: Callable[[Job], None]) -> None:
        change(job)
        job.state = state

    job = a_job()
    downloader, ending = MagicMock(), MagicMock()
    downloader.fetch, ending.end = fetch, end
    run = runner_for(Records(job, for_ever), downloader=downloader, ending=ending).run(job.job_id, attempt=1)
    if retryable:
        with pytest.raises(FetchError):
            await run
        assert job.state == "analyzing"
    else:
        await run
        assert (job.state, job.problem.code) == ("failed", "blocked_by_source")


async def test_a_job_whose_record_has_expired_can_be_failed() -> None:
    ending = AsyncMock()
    ending.end.side_effect = NotFoundError("expired")
    await runner_for(Records(None, for_ever), ending=ending).fail(new_job_id(), Problem(code="x"))


def a_delivery(**calls: Any) -> Any:
    delivery = MagicMock(payload=new_job_id().encode(), attempt=1, headers={}, subject="s", message_id="m")
    for name in ("ack", "nak", "term", "heartbeat"):
        setattr(delivery, name, AsyncMock(side_effect=calls.get(name)))
    return delivery


async def work(monkeypatch: pytest.MonkeyPatch, runner: Any, said: list[Any], bus: Any = None) -> Any:
    """Has a worker take what the source says, one after the other; drains it after the last."""
    monkeypatch.setattr(worker, "BUS_BACKOFF_S", 0.0)
    source, bus = AsyncMock(), bus or AsyncMock()
    bus.tasks.return_value = source

    async def next_one(_: float) -> Any:
        if not said:
            working.drain()
            return None
        one = said.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    source.next.side_effect = next_one
    settings = WorkerSettings(ack_wait_s=2, backoff_s=(0.5,))
    working = JobWorker(bus, runner, settings=settings, concurrency=1, metrics=Metrics())
    await asyncio.wait_for(working.run(), 5)
    return bus


ERRORS: list[ServiceError] = [UnavailableError("a"), NotFoundError("b"), ResourceExhaustedError("c")]


async def test_the_worker_outlives_whatever_the_bus_says(monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = a_delivery()
    await work(monkeypatch, AsyncMock(), [*ERRORS, delivery])
    delivery.ack.assert_awaited_once_with()


@pytest.mark.parametrize("error", ERRORS)
async def test_the_worker_outlives_a_job_that_cannot_be_settled(monkeypatch: pytest.MonkeyPatch, error: ServiceError) -> None:
    runner, bus = AsyncMock(), AsyncMock()
    runner.run.side_effect = [None, UnavailableError("again"), FetchError("never"), None]
    bus.publish_dead_letter.side_effect = error
    deliveries = [a_delivery(ack=error), a_delivery(nak=error), a_delivery(), a_delivery()]
    await work(monkeypatch, runner, list(deliveries), bus)
    deliveries[0].nak.assert_not_awaited()
    deliveries[1].nak.assert_awaited_once_with(0.5)
    deliveries[2].term.assert_not_awaited()  # it comes back, and is written off then
    deliveries[3].ack.assert_awaited_once_with()


@pytest.mark.parametrize("error", ERRORS)
async def test_looking_after_forgotten_jobs_goes_on(monkeypatch: pytest.MonkeyPatch, error: ServiceError) -> None:
    monkeypatch.setattr(queueing, "LOOK_EVERY_S", 0.0)
    looked = asyncio.Event()
    records = AsyncMock()

    async def ids() -> list[str]:
        if records.ids.await_count > 1 or records.ids.call_count > 1:
            looked.set()
            return []
        raise error

    records.ids.side_effect = ids
    looking = asyncio.create_task(JobQueue(AsyncMock(), cast("JobRecords", records), AsyncMock()).look_after())
    try:
        await asyncio.wait_for(looked.wait(), 5)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
