"""Takes a service's tasks from the bus, runs them, and decides each one's fate: ack, give back, or dead letter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing, suppress

import structlog
from google.protobuf.message import DecodeError
from opentelemetry.trace import SpanKind

from reelscope.analysis.v1.analysis_pb2 import AnalyzeEvent, AnalyzeRequest, DeadLetter, SegmentBatch
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_runtime import tracing
from reelscope_runtime.bus.base import Bus, Delivery, TaskSource
from reelscope_runtime.engine.run import Cancellation
from reelscope_runtime.errors import (
    CancelledError,
    InternalError,
    InvalidRequestError,
    ServiceError,
)
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.results import RESULT_KEY_HEADER
from reelscope_runtime.server.tasks import TaskEvent, TaskRunner
from reelscope_runtime.settings import WorkerSettings

log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How long one wait for a task lasts, and so how late the end of the process is noticed at most."""


PAUSE_S = 0.5
"""After the bus failed, before it is asked again."""
LARGEST_EVENT_BYTES = 512 * 1024
"""Half of NATS' default limit; larger batches are told in several events."""
FINAL = frozenset({"succeeded", "failed", "cancelled"})


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
        self._giving_back = False

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
        """Stops the tasks in hand, and any that is just being taken; they return to the queue."""
        self._giving_back = True
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
                if delivery is not None and self._draining.is_set():
                    await delivery.nak()
                    return
            except ServiceError as error:
                log.warning("bus_failed", code=error.error_code, reason=error.reason)
                await asyncio.sleep(PAUSE_S)
                continue
            if delivery is not None:
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
        if await self._state_of(request.job_id) in FINAL:
            await delivery.ack()
            return "not_wanted"
        cancellation = Cancellation()
        untold: ShutdownError | None = None
        self._running.setdefault(request.job_id, set()).add(cancellation)
        if self._giving_back:
            self.give_back()
        watching = [
            asyncio.create_task(self._keep(delivery), name="heartbeat"),
            asyncio.create_task(self._follow(request.job_id, cancellation), name="follow-job"),
        ]
        try:
            analysis = self._runner.analyze(request, cancellation=cancellation, attempt=delivery.attempt)
            async with aclosing(analysis) as events:
                async for event in events:
                    if isinstance(cancellation.error, ShutdownError):
                        untold = cancellation.error  # what is told of unfinished work would look like its end
                    else:
                        await self._publish(request, event)
        finally:
            for task in watching:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            self._forget(request.job_id, cancellation)
        if untold is not None:
            raise untold
        await delivery.ack()
        was_cancelled = isinstance(cancellation.error, CancelledError) and not isinstance(cancellation.error, ShutdownError)
        return "cancelled" if was_cancelled else "done"

    def _forget(self, job_id: str, cancellation: Cancellation) -> None:
        running = self._running[job_id]
        running.discard(cancellation)
        if not running:
            del self._running[job_id]

    async def _publish(self, request: AnalyzeRequest, task_event: TaskEvent) -> None:
        """Sends an event; its id is made of what it tells, so that a second try adds nothing."""
        event = task_event.event
        kind = event.WhichOneof("event") or "event"
        headers: dict[str, str] = {}
        if kind == "segments":
            for part in _small_enough(event):
                await self._send(request, part, f"segments.{part.segments.first_index}", headers)
            return
        tells = f"progress.{event.progress.stage}.{event.attempt}.{event.progress.fraction:.4f}"
        if kind == "result":
            tells = f"result.{event.result.status}"
            slim = AnalyzeEvent()
            slim.CopyFrom(event)
            if task_event.result_key:
                headers[RESULT_KEY_HEADER] = task_event.result_key
                del slim.result.segments[:]
            elif event.ByteSize() > LARGEST_EVENT_BYTES:  # not kept, and too large to be sent: what was told must do
                del slim.result.segments[:]
            event = slim
        await self._send(request, event, tells, headers)

    async def _send(self, request: AnalyzeRequest, event: AnalyzeEvent, tells: str, headers: dict[str, str]) -> None:
        message_id = f"{request.job_id}.{self._service}.{event.analyzer}.{tells}"
        payload = event.SerializeToString()
        own = dict(headers)
        tracing.inject(own)
        await self._bus.publish_event(request.job_id, self._service, payload, message_id=message_id, headers=own)

    async def _keep(self, delivery: Delivery) -> None:
        """Heartbeats, whatever else is slow."""
        while True:
            await asyncio.sleep(self._settings.ack_wait_s / 3)
            try:
                await delivery.heartbeat()
            except ServiceError as error:
                log.warning("heartbeat_failed", reason=error.reason)

    async def _follow(self, job_id: str, cancellation: Cancellation) -> None:
        """Asks the job's record now and then whether the work is still wanted, should the message have been missed."""
        while True:
            await asyncio.sleep(self._settings.ack_wait_s / 3)
            try:
                state = await self._state_of(job_id)
            except ServiceError as error:
                log.warning("job_not_readable", reason=error.reason)
                continue
            if state in FINAL:
                cancellation.cancel(CancelledError(f"job {job_id} is {state}: its work is not wanted any more"))

    async def _state_of(self, job_id: str) -> str:
        """The job's state; empty for a task without a record."""
        record = await self._bus.jobs.get(job_id) if job_id else None
        return Job.FromString(record.value).state if record is not None and record.value is not None else ""

    async def _settle(self, delivery: Delivery, request: AnalyzeRequest, error: ServiceError) -> str:
        """Decides a failed task's fate. Where the bus fails, too, the task comes back by itself after the ack-wait."""
        try:
            if isinstance(error, ShutdownError):
                await delivery.nak()
                return "given_back"
            return await self._give_back_or_bury(delivery, request, error)
        except ServiceError as failure:
            log.warning("task_not_settled", code=failure.error_code, reason=failure.reason)
            return "unsettled"

    async def _give_back_or_bury(self, delivery: Delivery, request: AnalyzeRequest, error: ServiceError) -> str:
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


def _small_enough(event: AnalyzeEvent) -> Iterator[AnalyzeEvent]:
    """The batch in parts that the bus takes. A segment that is too large by itself is told without its detail: its place in the
    order is kept, and the result has all of it."""
    segments = event.segments.segments
    if event.ByteSize() <= LARGEST_EVENT_BYTES:
        yield event
        return
    if len(segments) == 1:
        bare = AnalyzeEvent()
        bare.CopyFrom(event)
        bare.segments.segments[0].ClearField("detail")
        yield bare
        return
    middle = len(segments) // 2
    for start, part in ((0, segments[:middle]), (middle, segments[middle:])):
        half = AnalyzeEvent()
        half.CopyFrom(event)
        half.segments.CopyFrom(SegmentBatch(first_index=event.segments.first_index + start, segments=part))
        yield from _small_enough(half)
