"""Leads one job from its record to its document. Every step can be taken again by another gateway where this one stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from reelscope.analysis.v1.analysis_pb2 import Problem, StageTiming
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.fetch.downloader import Downloader
from reelscope_gateway.jobs.collector import Collected, Collector
from reelscope_gateway.jobs.directory import AnalyzerDirectory
from reelscope_gateway.jobs.document import build_document
from reelscope_gateway.jobs.ending import JobEnding, now, seconds_between
from reelscope_gateway.jobs.events import JobEvents
from reelscope_gateway.jobs.fanout import FanOut, Plan
from reelscope_gateway.jobs.intake import Intake
from reelscope_gateway.jobs.records import JobIsFinalError, JobRecords, is_final
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import NotFoundError, ServiceError, UnavailableError
from reelscope_runtime.metrics import Metrics

log = structlog.get_logger(__name__)

FETCHED = 0.1
"""Share of a job's progress that is fetching and storing."""
ANALYZED = 0.98
"""Progress when all results are there and the document is to be written."""
PROGRESS_STEP = 0.01
"""Smaller steps are not told."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runner works with."""

    bus: Bus
    records: JobRecords
    events: JobEvents
    downloader: Downloader
    intake: Intake
    ending: JobEnding
    directory: AnalyzerDirectory
    fanout: FanOut
    collector: Collector
    metrics: Metrics
    job_deadline_s: float


class JobRunner:
    """Runs jobs; one instance runs any number at a time."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def run(self, job_id: str, *, attempt: int) -> None:
        """Brings the job to its end. Returns once it has one, whoever brought it about.

        Raises:
            ServiceError: It could not be done now; the job is as far as it came and may be tried again.
        """
        parts = self._parts
        job = await parts.records.find(job_id)
        if job is None:
            log.warning("job_record_missing", job_id=job_id)
            return
        concluding = asyncio.Event()
        work = asyncio.create_task(self._advance(job, attempt, concluding), name=f"job-{job_id}")
        ending = asyncio.create_task(parts.records.until_final(job_id), name=f"watch-{job_id}")
        try:
            await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
            if concluding.is_set():
                await asyncio.wait({work})  # the end that was seen is most likely its own, and it has things left to tell
            if work.done():
                work.result()
        except JobIsFinalError:
            # Cancelled, or ended by another gateway: what is told below is that end.
            log.info("job_ended_elsewhere", job_id=job_id)
        finally:
            work.cancel()
            ending.cancel()
            await asyncio.gather(work, ending, return_exceptions=True)
        after = await parts.records.find(job_id)
        if after is None:
            log.warning("job_record_missing", job_id=job_id)
            return
        if not is_final(after):
            # Only the watch can have ended, and not because the job had: nobody would look after it any more.
            cause = None if ending.cancelled() else ending.exception()
            raise UnavailableError(f"the watch of job {job_id} ended before the job did; it is tried again") from cause
        await parts.events.publish_state(after)

    async def fail(self, job_id: str, problem: Problem) -> None:
        """Ends the job with a problem; nothing where it has ended already or its record has expired."""

        def change(job: Job) -> None:
            job.problem.CopyFrom(problem)

        with suppress(JobIsFinalError, NotFoundError):
            await self._parts.ending.end(job_id, "failed", change)

    async def _advance(self, job: Job, attempt: int, concluding: asyncio.Event) -> None:
        if is_final(job):
            return
        try:
            job = await self._start(job)
            if not job.HasField("media"):
                job = await self._fetch(job, attempt)
            job = await self._settle_analyzers(job)
            plan = await self._parts.fanout.plan(job)
            await self._hand_out(job, plan)
            collected = await self._collect(job, plan, attempt)
            concluding.set()
            await self._conclude(job, plan, collected, attempt)
        except JobIsFinalError:
            raise
        except ServiceError as error:
            if error.retryable:
                raise  # the queue gives the job another try, or writes it off after the last one
            concluding.set()
            log.info("job_failed", job_id=job.job_id, code=error.error_code, reason=error.reason)
            await self.fail(job.job_id, error.to_problem())

    async def _start(self, job: Job) -> Job:
        """Out of the queue. A job that was started before keeps its times."""
        if job.state != "queued":
            return job

        def change(job: Job) -> None:
            if job.HasField("started_at"):
                return
            job.state = "analyzing" if job.HasField("media") else "fetching"
            job.started_at.GetCurrentTime()
            waited = seconds_between(job.submitted_at, job.started_at)
            job.timing.insert(0, StageTiming(stage="queue", seconds=waited))

        job = await self._parts.records.change(job.job_id, change)
        await self._parts.events.publish_state(job)
        return job

    async def _fetch(self, job: Job, attempt: int) -> Job:
        parts = self._parts
        told = 0.0

        async def progress(fraction: float) -> None:
            nonlocal told
            if fraction - told >= PROGRESS_STEP / FETCHED:
                told = fraction
                await parts.events.publish_progress(job.job_id, fraction=fraction * FETCHED, stage="fetching", attempt=attempt)

        started = time.perf_counter()
        async with parts.downloader.fetch(job.source, progress) as fetched:
            seconds = time.perf_counter() - started
            await parts.events.publish_progress(job.job_id, fraction=FETCHED, stage="probing", attempt=attempt)
            clip = await parts.intake.take(fetched.path, fetched.path.name)

            def change(job: Job) -> None:
                if job.HasField("media"):
                    return
                job.state = "analyzing"
                job.timing.append(StageTiming(stage="fetch", seconds=seconds))
                job.source_metadata.CopyFrom(fetched.metadata)
                job.progress = max(job.progress, FETCHED)
                clip.write_to(job)

            job = await parts.records.change(job.job_id, change)
        await parts.events.publish_state(job)
        return job

    async def _settle_analyzers(self, job: Job) -> Job:
        """From here on, the record says which analyzers the job has, whatever services come and go."""
        names = list(job.analyzers) or await self._parts.directory.select(())
        if not names:
            raise UnavailableError("no service is running; start them, the job is tried again")

        def change(job: Job) -> None:
            if not job.analyzers:
                job.analyzers.extend(names)
            for name in job.analyzers:
                if name not in job.analyzer_states:
                    job.analyzer_states[name] = "pending"

        return await self._parts.records.change(job.job_id, change)

    async def _hand_out(self, job: Job, plan: Plan) -> None:
        done = {name for name, state in job.analyzer_states.items() if state != "pending"}
        await self._parts.fanout.publish(job, plan, deadline_s=self._left_s(job), done=done)

    def _left_s(self, job: Job) -> float:
        """What is left of the job's time; a little even where it is over, so that results that are there are taken."""
        return max(1.0, self._parts.job_deadline_s - seconds_between(job.started_at, now()))

    async def _collect(self, job: Job, plan: Plan, attempt: int) -> Collected:
        parts = self._parts
        told = 0.0
        states = dict(job.analyzer_states)

        async def report(collected: Collected) -> None:
            nonlocal told
            fraction = FETCHED + (ANALYZED - FETCHED) * collected.fraction(plan)
            fresh = {name: result.status for name, result in collected.results.items()}
            changed = {name: status for name, status in fresh.items() if states.get(name) != status}
            if not changed and fraction - told < PROGRESS_STEP:
                return
            told = max(told, fraction)
            states.update(changed)

            def change(job: Job) -> None:
                job.progress = max(job.progress, fraction)
                for name, status in changed.items():
                    job.analyzer_states[name] = status

            await parts.records.change(job.job_id, change)
            await parts.events.publish_progress(job.job_id, fraction=told, stage="analyzing", attempt=attempt)

        return await parts.collector.collect(job.job_id, plan, deadline_s=self._left_s(job), report=report)

    async def _conclude(self, job: Job, plan: Plan, collected: Collected, attempt: int) -> None:
        parts = self._parts
        await parts.events.publish_progress(job.job_id, fraction=ANALYZED, stage="aggregating", attempt=attempt)
        aggregate_started = time.perf_counter()
        running_s = seconds_between(job.started_at, now())
        stages = {stage.stage: stage.seconds for stage in job.timing}
        # A clip that came as a path or an upload was stored before the job was queued.
        before_s = 0.0 if job.source_kind == "url" else _total(stages, ("probe", "store"))
        within_s = _total(stages, ("fetch", "probe", "store")) - before_s
        timing = [*job.timing, StageTiming(stage="analyze", seconds=max(0.0, running_s - within_s))]
        document = await asyncio.to_thread(
            build_document,
            job,
            {name: collected.results[name] for name in job.analyzers},
            plan,
            service_seconds=collected.service_seconds,
            timing=timing,
            processing_s=running_s + before_s,
        )
        aggregate_s = time.perf_counter() - aggregate_started
        timing.append(StageTiming(stage="aggregate", seconds=aggregate_s))
        document.metadata.timing.append(timing[-1])
        document.metadata.processing_time_seconds += aggregate_s
        # A key of its own for every try: a document that a record names is never written again.
        key = f"document.{job.job_id}.{uuid4().hex}"
        await parts.bus.objects.put(key, document.SerializeToString())

        def change(job: Job) -> None:
            job.document_key = key
            del job.timing[:]
            job.timing.extend(timing)

        await parts.ending.end(job.job_id, "succeeded", change)
        for stage in timing:
            parts.metrics.job_stage_seconds.labels(stage.stage).observe(stage.seconds)
        log.info(
            "job_succeeded",
            job_id=job.job_id,
            score=round(document.metadata.reconstruction_score, 1),
            seconds=round(document.metadata.processing_time_seconds, 2),
        )


def _total(stages: dict[str, float], names: Iterable[str]) -> float:
    return sum(stages.get(name, 0.0) for name in names)
