"""Takes jobs from the queue, keeps them while they run, and decides what becomes of those that could not be run."""

from __future__ import annotations

import asyncio

import structlog
from opentelemetry.trace import SpanKind

from reelscope.analysis.v1.analysis_pb2 import DeadLetter
from reelscope_gateway.jobs.events import GATEWAY
from reelscope_gateway.jobs.ids import is_job_id
from reelscope_gateway.jobs.runner import JobRunner
from reelscope_runtime import tracing
from reelscope_runtime.bus.base import Bus, Delivery, TaskSource
from reelscope_runtime.errors import InternalError, ServiceError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.settings import WorkerSettings

log = structlog.get_logger(__name__)

POLL_S = 5.0
"""How long one wait for a job lasts."""
BUS_BACKOFF_S = 1.0
"""Pause after the bus could not be asked."""


class JobWorker:
    """The gateway's part of the task queue.

    Args:
        bus: Where jobs are queued.
        runner: What runs them.
        settings: Heartbeats, tries and back-off.
        concurrency: Jobs at a time.
        metrics: What is counted.
    """

    def __init__(self, bus: Bus, runner: JobRunner, *, settings: WorkerSettings, concurrency: int, metrics: Metrics) -> None:
        self._bus = bus
        self._runner = runner
        self._settings = settings
        self._concurrency = concurrency
        self._metrics = metrics

        self._draining = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Works until `drain` was called."""
        source = await self._bus.tasks(GATEWAY, ack_wait_s=self._settings.ack_wait_s)
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._concurrency):
                    group.create_task(self._loop(source), name=f"jobs-{number}")
                await self._draining.wait()
                await source.close()  # which ends the waiting for jobs
        finally:
            self.drain()
            await asyncio.gather(*self._running, return_exceptions=True)
            await source.close()

    def drain(self) -> None:
        """Takes no more jobs and gives those in hand back at once, so that another gateway goes on with them."""
        self._draining.set()
        for task in self._running:
            task.cancel()

    async def _loop(self, source: TaskSource) -> None:
        while not self._draining.is_set():
            try:
                delivery = await source.next(POLL_S)
            except ServiceError as error:
                log.warning("no_job_from_bus", code=error.error_code, reason=error.reason)
                await asyncio.sleep(BUS_BACKOFF_S)
                continue
            if delivery is None:
                continue
            if self._draining.is_set():
                await self._give_back(delivery)
                return
            task = asyncio.create_task(self._handle(delivery))
            self._running.add(task)
            await asyncio.wait({task})
            self._running.discard(task)

    async def _handle(self, delivery: Delivery) -> None:
        """One job from hand to fate. This is the gateway's worker-side place in the error tree's mapping."""
        job_id = delivery.payload.decode("utf-8", "replace")
        structlog.contextvars.bind_contextvars(job_id=job_id, attempt=delivery.attempt)
        self._metrics.jobs_running.inc()
        parent = tracing.extract(delivery.headers)
        heartbeat = asyncio.create_task(self._keep(delivery), name="heartbeat")
        try:
            with tracing.span("job", kind=SpanKind.CONSUMER, parent=parent, job_id=job_id):
                await self._try(delivery, job_id)
        except asyncio.CancelledError:
            log.info("job_given_back")
            await self._give_back(delivery)
        except ServiceError as error:
            await self._settle(delivery, job_id, error)
        except Exception as error:
            log.exception("job_broke")
            await self._settle(delivery, job_id, InternalError(f"{type(error).__name__}: {error}", retryable=True))
        finally:
            heartbeat.cancel()
            await asyncio.gather(heartbeat, return_exceptions=True)
            self._metrics.jobs_running.dec()

    @staticmethod
    async def _give_back(delivery: Delivery) -> None:
        try:
            await delivery.nak()
        except ServiceError as error:
            log.warning("give_back_failed", code=error.error_code, reason=error.reason)

    async def _try(self, delivery: Delivery, job_id: str) -> None:
        if delivery.attempt > self._settings.max_deliver:
            tries = self._settings.max_deliver
            raise InternalError(f"given up after {tries} tries, each of which ended with the process", code="max_deliver")
        if is_job_id(job_id):
            await self._runner.run(job_id, attempt=delivery.attempt)
        try:
            await delivery.ack()
        except ServiceError as error:
            # The job has ended; when it comes back after its ack-wait, that is seen at once.
            log.warning("ack_failed", code=error.error_code, reason=error.reason)

    async def _keep(self, delivery: Delivery) -> None:
        while True:
            await asyncio.sleep(self._settings.ack_wait_s / 3)
            try:
                await delivery.heartbeat()
            except ServiceError as error:
                log.warning("heartbeat_failed", code=error.error_code, reason=error.reason)

    async def _settle(self, delivery: Delivery, job_id: str, error: ServiceError) -> None:
        """Gives the job back for another try or, after the last one, writes it off. Where even that can't be said, the
        job comes back once its ack-wait is over."""
        try:
            if error.retryable and delivery.attempt < self._settings.max_deliver:
                backoff = self._settings.backoff_s
                delay_s = backoff[min(delivery.attempt, len(backoff)) - 1] if backoff else 0.0
                log.warning("job_retried", code=error.error_code, reason=error.reason, delay_s=delay_s)
                await delivery.nak(delay_s)
                return
            await self._write_off(delivery, job_id, error)
        except ServiceError as unsaid:
            log.warning("settling_failed", code=unsaid.error_code, reason=unsaid.reason)

    async def _write_off(self, delivery: Delivery, job_id: str, error: ServiceError) -> None:
        log.warning("job_given_up", code=error.error_code, reason=error.reason, attempts=delivery.attempt)
        letter = DeadLetter(
            subject=delivery.subject,
            problem=error.to_problem(),
            attempts=delivery.attempt,
            payload=delivery.payload,
            message_id=delivery.message_id,
        )
        letter.at.GetCurrentTime()
        await self._bus.publish_dead_letter(letter)
        self._metrics.dead_letters.labels(GATEWAY).inc()
        await self._runner.fail(job_id, error.to_problem())
        await delivery.term()
