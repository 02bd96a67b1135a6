"""Takes a service's tasks from the bus, runs them, and decides each one's fate: ack, give back, or dead letter."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import structlog
from google.protobuf.message import DecodeError
from opentelemetry.trace import SpanKind

from reelscope.analysis.v1.analysis_pb2 import AnalyzeEvent, AnalyzeRequest, DeadLetter
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_runtime import tracing
from reelscope_runtime.bus.base import Bus, Delivery, TaskSource
from reelscope_runtime.engine.run import Cancellation
from reelscope_runtime.errors import (
    CancelledError,
    InternalError,
    InvalidRequestError,
    ServiceError,
    UnavailableError,
)
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.results import RESULT_KEY_HEADER
from reelscope_runtime.server.tasks import TaskEvent, TaskRunner
from reelscope_runtime.settings import WorkerSettings

log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How long one wait for a task lasts, and so how late the end of the process is noticed at most."""


class ShutdownError(CancelledError):
    """The process ends: the task goes back to the queue."""

    code = "shutdown"


class Worker:
    """The bus side of a service.

    Args:
        bus: Connected.
        runner: What runs a task.
        settings: Concurrency, heartbeats, tries, back-off.
        metrics: What is counted.
    """

    def __init__(self, bus: Bus, runner: TaskRunner, *, settings: WorkerSettings, metrics: Metrics) -> None:
        self._bus = bus
        self._runner = runner
        self._settings = settings
        self._metrics = metrics
        self._service = runner.service
        self._draining = asyncio.Event()
        self._running: dict[str, set[Cancellation]] = {}

    async def run(self) -> None:
        """Works until `drain` was called and the tasks in hand are done or given back."""
        source = await self._bus.tasks(self._service, ack_wait_s=self._settings.ack_wait_s)
        cancels = asyncio.create_task(self._listen_for_cancels(), name="cancels")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.concurrency):
                    group.create_task(self._loop(source))
        finally:
            cancels.cancel()
            with suppress(asyncio.CancelledError):
                await cancels
            await source.close()

    def drain(self) -> None:
        """Takes no more tasks; `give_back` ends those in hand."""
        self._draining.set()

    def give_back(self) -> None:
        """Stops the tasks in hand; they return to the queue."""
        for cancellations in self._running.values():
            for cancellation in cancellations:
                cancellation.cancel(ShutdownError("the service is shutting down"))

    async def _loop(self, source: TaskSource) -> None:
        while not self._draining.is_set():
            waiting = asyncio.ensure_future(source.next(POLL_S))
            draining = asyncio.ensure_future(self._draining.wait())
            await asyncio.wait({waiting, draining}, return_when=asyncio.FIRST_COMPLETED)
            draining.cancel()
            try:
                delivery = await waiting
            except UnavailableError as error:
                log.warning("bus_unavailable", reason=error.reason)
                continue
            if delivery is None:
                continue
            if self._draining.is_set():
                await delivery.nak()
                return
            await self._handle(delivery)

    async def _listen_for_cancels(self) -> None:
        async for job_id in self._bus.cancels():
            for cancellation in self._running.get(job_id, ()):
                cancellation.cancel(CancelledError(f"job {job_id} was cancelled"))

    async def _handle(self, delivery: Delivery) -> None:
        """One task from hand to fate. This is the worker's place in the error tree's mapping."""
        started = time.perf_counter()
        outcome = "failed"
        self._metrics.tasks_running.labels(self._service).inc()
        if delivery.attempt > 1:
            self._metrics.redeliveries.labels(self._service).inc()
        request = AnalyzeRequest()
        parent = tracing.extract(delivery.headers)
        try:
            with tracing.span("task", kind=SpanKind.CONSUMER, parent=parent, subject=delivery.subject):
                outcome = await self._try(delivery, request)
        except ShutdownError:
            outcome = "given_back"
            await delivery.nak()
        except ServiceError as error:
            outcome = await self._settle(delivery, request, error)
        except Exception as error:
            log.exception("task_failed", message_id=delivery.message_id)
            internal = InternalError(f"{type(error).__name__}: {error}")
            outcome = await self._settle(delivery, request, internal)
        finally:
            self._metrics.tasks_running.labels(self._service).dec()
            self._metrics.tasks.labels(self._service, outcome).inc()
            self._metrics.task_seconds.labels(self._service).observe(time.perf_counter() - started)
            structlog.contextvars.unbind_contextvars("job_id", "attempt")

    async def _try(self, delivery: Delivery, request: AnalyzeRequest) -> str:
        try:
            request.ParseFromString(delivery.payload)
        except DecodeError as error:
            raise InvalidRequestError(f"the task is no AnalyzeRequest: {error}") from error
        structlog.contextvars.bind_contextvars(job_id=request.job_id, attempt=delivery.attempt)
        if delivery.attempt > self._settings.max_deliver:
            # The broker is not left to count: it would drop a task without a word when its workers were killed.
            tries = self._settings.max_deliver
            raise InternalError(f"given up after {tries} tries, each of which ended with the process", code="max_deliver")
        if await self._is_cancelled(request.job_id):
            await delivery.ack()
            return "cancelled"
        cancellation = Cancellation()
        self._running.setdefault(request.job_id, set()).add(cancellation)
        heartbeat = asyncio.create_task(self._keep(delivery, request.job_id, cancellation), name="heartbeat")
        try:
            async for event in self._runner.analyze(request, cancellation=cancellation, attempt=delivery.attempt):
                if isinstance(cancellation.error, ShutdownError):
                    continue
                await self._publish(request, event)
        finally:
            heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await heartbeat
            self._forget(request.job_id, cancellation)
        if isinstance(cancellation.error, ShutdownError):
            raise cancellation.error
        await delivery.ack()
        return "cancelled" if isinstance(cancellation.error, CancelledError) else "done"

    def _forget(self, job_id: str, cancellation: Cancellation) -> None:
        running = self._running[job_id]
        running.discard(cancellation)
        if not running:
            del self._running[job_id]

    async def _publish(self, request: AnalyzeRequest, task_event: TaskEvent) -> None:
        """Sends an event; its id is made of what it tells, so that a second try adds nothing."""
        event = task_event.event
        kind = event.WhichOneof("event") or "event"
        position = {"segments": event.segments.first_index, "progress": f"{event.attempt}.{event.progress.fraction:.4f}"}
        tells = f"{kind}.{event.progress.stage}" if kind == "progress" else kind
        message_id = f"{request.job_id}.{self._service}.{event.analyzer}.{tells}.{position.get(kind, '')}"
        headers: dict[str, str] = {}
        if kind == "result" and task_event.result_key:
            headers[RESULT_KEY_HEADER] = task_event.result_key
            slim = AnalyzeEvent()
            slim.CopyFrom(event)
            del slim.result.segments[:]
            event = slim
        tracing.inject(headers)
        payload = event.SerializeToString()
        await self._bus.publish_event(request.job_id, self._service, payload, message_id=message_id, headers=headers)

    async def _keep(self, delivery: Delivery, job_id: str, cancellation: Cancellation) -> None:
        """Heartbeats; and the job's record is asked whether it was cancelled, should the message have been missed."""
        while True:
            await asyncio.sleep(self._settings.ack_wait_s / 3)
            try:
                await delivery.heartbeat()
                if await self._is_cancelled(job_id):
                    cancellation.cancel(CancelledError(f"job {job_id} was cancelled"))
            except UnavailableError as error:
                log.warning("heartbeat_failed", reason=error.reason)

    async def _is_cancelled(self, job_id: str) -> bool:
        record = await self._bus.jobs.get(job_id) if job_id else None
        return record is not None and record.value is not None and Job.FromString(record.value).state == "cancelled"

    async def _settle(self, delivery: Delivery, request: AnalyzeRequest, error: ServiceError) -> str:
        """Gives a failed task back, or writes it off with its reason."""
        retries = self._settings.max_deliver - delivery.attempt
        if error.retryable and retries > 0:
            backoff = self._settings.backoff_s
            delay_s = backoff[min(delivery.attempt, len(backoff)) - 1]
            log.warning("task_retried", reason=error.reason, delay_s=delay_s, retries=retries)
            await delivery.nak(delay_s)
            return "retried"
        log.warning("task_given_up", code=error.error_code, reason=error.reason, attempts=delivery.attempt)
        letter = DeadLetter(
            subject=delivery.subject,
            problem=error.to_problem(),
            attempts=delivery.attempt,
            payload=delivery.payload,
            message_id=delivery.message_id,
        )
        letter.at.GetCurrentTime()
        await self._bus.publish_dead_letter(letter)
        if request.job_id:
            event = AnalyzeEvent(
                job_id=request.job_id, service=self._service, attempt=delivery.attempt, problem=error.to_problem()
            )
            event.at.GetCurrentTime()
            message_id = f"{request.job_id}.{self._service}.problem"
            payload = event.SerializeToString()
            await self._bus.publish_event(request.job_id, self._service, payload, message_id=message_id)
        self._metrics.dead_letters.labels(self._service).inc()
        await delivery.term()
        return "dead"
