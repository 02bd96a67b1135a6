"""What running a task means, the same for a task from the bus and for a direct gRPC call.

Find the media, look into it, take what was computed before, run the rest, keep it, and tell of everything as it comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from reelscope.analysis.v1.analysis_pb2 import (
    AnalyzeEvent,
    AnalyzeRequest,
    AnalyzerInfo,
    AnalyzerResult,
    ListAnalyzersResponse,
    NodeTiming,
    Progress,
    Segment,
    SegmentBatch,
)
from reelscope_runtime import tracing
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.protocols import LeasedModel
from reelscope_runtime.engine.run import Cancellation, Run
from reelscope_runtime.errors import InvalidRequestError, ModelUnavailableError
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.media.store import MediaStore, sha256_of
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.models.availability import unavailable_reason
from reelscope_runtime.models.memory import release_unused
from reelscope_runtime.models.pool import ModelPool
from reelscope_runtime.results import ResultStore, result_key
from reelscope_runtime.server.resources import Resources
from reelscope_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

KEPT = ("succeeded", "not_applicable")
"""Statuses that will be the same next time: only these results are kept."""


@dataclass(slots=True)
class TaskEvent:
    """An event and, for a kept result, the key that it is kept under."""

    event: AnalyzeEvent
    result_key: str = ""


@dataclass(slots=True)
class _Task:
    """One request at work."""

    request: AnalyzeRequest
    attempt: int
    service: str
    queue: asyncio.Queue[TaskEvent | None] = field(default_factory=asyncio.Queue)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def event(self, body: Progress | SegmentBatch | AnalyzerResult, analyzer: str = "") -> AnalyzeEvent:
        event = AnalyzeEvent(job_id=self.request.job_id, service=self.service, analyzer=analyzer, attempt=self.attempt)
        if isinstance(body, Progress):
            event.progress.CopyFrom(body)
        elif isinstance(body, SegmentBatch):
            event.segments.CopyFrom(body)
        else:
            event.result.CopyFrom(body)
        event.at.GetCurrentTime()
        return event

    def put(self, event: TaskEvent | None) -> None:
        """From any thread."""
        self.loop.call_soon_threadsafe(self.queue.put_nowait, event)

    # What the engine tells (engine.run.Sink), from its thread.

    def progress(self, fraction: float, media_time_s: float) -> None:
        progress = Progress(fraction=fraction, media_time_s=media_time_s, stage="analyzing")
        self.put(TaskEvent(self.event(progress)))

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        batch = SegmentBatch(first_index=first_index, segments=segments)
        self.put(TaskEvent(self.event(batch, analyzer)))

    def result(self, result: AnalyzerResult) -> None:
        self.put(TaskEvent(self.event(result, result.analyzer)))


class TaskRunner:
    """Runs requests for one service.

    Args:
        service: Name of the service.
        catalog: Its nodes.
        settings: The process's settings.
        pool: Its models.
        host: Its decoder processes.
        media: Where media is found.
        results: Where results are kept; None: nowhere (a service without a bus).
        metrics: What is counted.

    Attributes:
        resources: What the service's own calls work with.
    """

    def __init__(
        self,
        service: str,
        catalog: Catalog,
        *,
        settings: RuntimeSettings,
        pool: ModelPool,
        host: MediaHost,
        media: MediaStore,
        results: ResultStore | None,
        metrics: Metrics,
    ) -> None:
        self.service = service
        self.catalog = catalog
        self.resources = Resources(settings, pool, host, metrics)
        self._settings = settings
        self._pool = pool
        self._host = host
        self._media = media
        self._results = results
        self._metrics = metrics
        # One thread per running task; direct calls queue up behind one another rather than thrash the cores.
        self._threads = ThreadPoolExecutor(2 * settings.worker.concurrency, thread_name_prefix="task")

    def close(self) -> None:
        """Waits for the threads; their runs were cancelled or finished before."""
        self._threads.shutdown()

    def list_analyzers(self) -> ListAnalyzersResponse:
        """Every analyzer with its version, models and whether it can run here."""
        response = ListAnalyzersResponse()
        for name, kind in self.catalog.analyzers.items():
            nodes = self.catalog.closure([name])
            tasks = sorted({task for node in nodes for task in node.model_tasks()})
            needed = self.catalog.closure([name], wanted=False)
            reasons = [reason for node in needed if (reason := node.unavailable_reason())]
            needed_tasks = sorted({task for node in needed for task in node.models})
            reasons += [reason for task in needed_tasks if (reason := unavailable_reason(self._pool, task, analyzer=name))]
            response.analyzers.append(
                AnalyzerInfo(
                    name=name,
                    version=self.catalog.version_of(name),
                    service=self.service,
                    detail=kind.detail,
                    requires=[node.name for node in nodes if node.name != name],
                    description=kind.description,
                    available=not reasons,
                    unavailable_reason="; ".join(dict.fromkeys(reasons)),
                    models=self._model_names(tasks, name),
                    profile=self._settings.models.profile,
                    media=sorted(self.catalog.streams(name)),
                )
            )
        return response

    async def analyze(
        self, request: AnalyzeRequest, *, cancellation: Cancellation, attempt: int = 1
    ) -> AsyncGenerator[TaskEvent, None]:
        """Does what is asked and tells of it; ends with one result per analyzer.

        Raises:
            UnknownAnalyzerError: An analyzer that is not ours.
            InvalidRequestError: No media, or a profile that this service does not run.
            MediaError, NotFoundError, ForbiddenError: The media can't be read.
            UnavailableError: The bus or the object store does not answer.
        """
        names = self.catalog.select(request.analyzers)
        profile = self._settings.models.profile
        if request.profile not in ("", profile):
            raise InvalidRequestError(f"this {self.service} service runs profile {profile!r}, not {request.profile!r}")
        if not request.media.uri:
            raise InvalidRequestError("media.uri is empty: name the media as file://, nats:// or s3://")
        task = _Task(request, attempt, self.service)
        yield TaskEvent(task.event(Progress(stage="started")))
        async with self._media.open(request.media) as path:
            keys = await self._keys(request, names, path)
            missing = []
            for name in names:
                cached = await self._lookup(name, keys[name])
                if cached is None:
                    missing.append(name)
                    continue
                for event in self._replay(task, cached):
                    yield TaskEvent(event, keys[name] if event.HasField("result") else "")
            if missing:
                async for task_event in self._compute(task, missing, path, cancellation):
                    yield await self._kept(task_event, keys)

    async def _keys(self, request: AnalyzeRequest, names: Sequence[str], path: Path) -> dict[str, str]:
        if self._results is None:
            return dict.fromkeys(names, "")
        sha256 = request.media.sha256 or await asyncio.to_thread(sha256_of, path)
        return {name: self._key(sha256, name, request) for name in names}

    def _key(self, sha256: str, name: str, request: AnalyzeRequest) -> str:
        tasks = {task for node in self.catalog.closure([name]) for task in node.model_tasks()}
        models = []
        for task in tasks:
            with suppress(ModelUnavailableError):  # then the result will be "unavailable", which is not kept
                overrides, asker = dict(request.options.models), self._asker(task, request)
                entry = self._pool.resolve(task, overrides=overrides, analyzer=asker)
                models.append(f"{entry.name}@{self._pool.store.sha256(entry)}")
        profile = self._settings.models.profile
        hears = any(node.hears_language for node in self.catalog.closure([name]))
        language = request.options.language if hears else ""
        version = self.catalog.version_of(name)
        return result_key(sha256, name, version=version, models=models, language=language, profile=profile)

    async def _lookup(self, name: str, key: str) -> AnalyzerResult | None:
        if self._results is None:
            return None
        result = await self._results.get(key)
        self._metrics.result_cache.labels(name, "hit" if result is not None else "miss").inc()
        return result

    @staticmethod
    def _replay(task: _Task, result: AnalyzerResult) -> list[AnalyzeEvent]:
        """A kept result as its events, so that a watcher sees the same as the first time."""
        result.cached = True
        events = [task.event(result, result.analyzer)]
        if result.segments:
            batch = SegmentBatch(first_index=0, segments=result.segments)
            events.insert(0, task.event(batch, result.analyzer))
        return events

    async def _kept(self, task_event: TaskEvent, keys: dict[str, str]) -> TaskEvent:
        """Keeps a finished result before anybody hears of it."""
        event = task_event.event
        if not event.HasField("result"):
            return task_event
        result = event.result
        result.service, result.profile = self.service, self._settings.models.profile
        result.version = self.catalog.version_of(result.analyzer)
        self._metrics.results.labels(result.analyzer, result.status).inc()
        if self._results is not None and result.status in KEPT:
            task_event.result_key = keys[result.analyzer]
            await self._results.put(task_event.result_key, result)
        return task_event

    async def _compute(
        self, task: _Task, names: Sequence[str], path: Path, cancellation: Cancellation
    ) -> AsyncGenerator[TaskEvent, None]:
        """Runs the engine in a thread and passes on what it tells."""
        # The thread inherits the context, so that its spans and log lines belong to this task.
        run = partial(copy_context().run, self._run, task, names, path, cancellation)
        running = task.loop.run_in_executor(self._threads, run)
        running.add_done_callback(lambda _: task.queue.put_nowait(None))
        try:
            while (event := await task.queue.get()) is not None:
                yield event
        finally:
            if not running.done():
                cancellation.cancel()
            results, info_duration_s = await running
        self._count(results, info_duration_s)

    def _run(
        self, task: _Task, names: Sequence[str], path: Path, cancellation: Cancellation
    ) -> tuple[list[AnalyzerResult], float]:
        started = time.perf_counter()
        with tracing.span("analyze", service=self.service, job_id=task.request.job_id):
            info = self._host.probe(path)
            deadline_s = task.request.deadline_s or self._settings.worker.task_deadline_s
            results = Run(
                self.catalog,
                names,
                media=info,
                options=task.request.options,
                lease=lambda model_task: self._lease(model_task, task.request),
                sink=task,
                threads=self._settings.models.threads,
            ).execute(lambda specs: self._host.decode(path, info, specs), cancellation, deadline_s)
        # Nodes, pictures and closures hold one another: without this, memory would grow from clip to clip.
        release_unused()
        log.info(
            "analyzed",
            job_id=task.request.job_id,
            analyzers=len(names),
            seconds=round(time.perf_counter() - started, 3),
            statuses=sorted({result.status for result in results}),
        )
        return results, info.duration_s

    def _asker(self, model_task: str, request: AnalyzeRequest) -> str:
        """The analyzer whose model the caller chose, where it rests on this task; features serve several analyzers."""
        for name in (*request.options.models, *self._settings.models.overrides):
            if name in self.catalog.analyzers:
                nodes = self.catalog.closure([name])
                if any(model_task in node.model_tasks() for node in nodes):
                    return name
        return ""

    def _lease(self, model_task: str, request: AnalyzeRequest) -> AbstractContextManager[LeasedModel]:
        overrides, asker = dict(request.options.models), self._asker(model_task, request)
        return self._pool.lease(model_task, overrides=overrides, analyzer=asker)

    def _model_names(self, tasks: Iterable[str], analyzer: str) -> list[str]:
        names = []
        for task in tasks:
            with suppress(ModelUnavailableError):
                names.append(self._pool.resolve(task, analyzer=analyzer).name)
        return names

    def _count(self, results: Sequence[AnalyzerResult], duration_s: float) -> None:
        """Adds the run to the metrics; shared nodes stand in several results but worked once."""
        nodes = {}
        for result in results:
            for node in result.timing.nodes:
                nodes[node.node] = node
            nodes[result.analyzer] = NodeTiming(compute_s=result.timing.compute_s, items=result.timing.items)
        for name, node in nodes.items():
            self._metrics.node_seconds.labels(self.service, name).inc(node.compute_s)
            self._metrics.node_items.labels(self.service, name).inc(node.items)
        decoder = nodes.get("decoder")
        if decoder is not None and decoder.compute_s > 0:
            self._metrics.decodes.labels(self.service).inc()
            self._metrics.frames_decoded.labels(self.service).inc(decoder.items)
        self._metrics.media_seconds.labels(self.service).inc(duration_s)
