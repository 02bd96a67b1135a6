"""A service process from its first line to its last: settings, models, decoder, bus, gRPC, probes, drain."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import structlog

from reelscope.analysis.v1.analysis_pb2 import (
    AnalyzeEvent,
    AnalyzeRequest,
    ListAnalyzersRequest,
    ListAnalyzersResponse,
)
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.bus.nats import connect
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.node import Analyzer, Feature
from reelscope_runtime.engine.run import Cancellation
from reelscope_runtime.errors import ServiceError
from reelscope_runtime.logging import configure_logging
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.media.store import MediaStore
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.models.availability import unavailable_reason
from reelscope_runtime.models.manifest import Manifest
from reelscope_runtime.models.memory import bound_heap
from reelscope_runtime.models.observer import SilentObserver
from reelscope_runtime.models.onnx import load_onnx
from reelscope_runtime.models.pool import Loader, ModelPool
from reelscope_runtime.models.store import ModelStore
from reelscope_runtime.process import die_with_parent
from reelscope_runtime.results import ResultStore
from reelscope_runtime.server.grpc_server import GrpcServer
from reelscope_runtime.server.http import ProbeServer
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_runtime.server.worker import Worker
from reelscope_runtime.settings import RuntimeSettings
from reelscope_runtime.tracing import configure_tracing
from reelscope_runtime.version import __version__

log = structlog.get_logger(__name__)

ANNOUNCE_S = 5.0
"""How often a service says that it is there; it is forgotten after 30 s."""


class AnalyzeMethods:
    """The calls that all four services have; their servicers inherit them."""

    def __init__(self, runner: TaskRunner) -> None:
        self.runner = runner

    async def Analyze(  # noqa: N802 - gRPC's name
        self, request: AnalyzeRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[AnalyzeEvent]:
        """Runs the request; a caller that goes away cancels it."""
        cancellation = Cancellation()
        cast(Any, context).add_done_callback(lambda _: cancellation.cancel())  # the stubs' callback takes nothing
        async with aclosing(self.runner.analyze(request, cancellation=cancellation)) as task_events:
            async for task_event in task_events:
                yield task_event.event

    async def ListAnalyzers(  # noqa: N802 - gRPC's name
        self, request: ListAnalyzersRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> ListAnalyzersResponse:
        """Says what this service can do."""
        del request, context
        return self.runner.list_analyzers()


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """What makes a service this service.

    Attributes:
        name: "vision", "audio", "speech" or "temporal".
        package: The Python package that holds models.toml.
        grpc_name: Full name of its gRPC service.
        add_servicer: Adds its servicer, made from the runner, to a server.
        features: Its features.
        analyzers: Its analyzers.
        loaders: How its kinds of models are loaded, beside ONNX.
    """

    name: str
    package: str
    grpc_name: str
    add_servicer: Callable[[TaskRunner, grpc.aio.Server], None]
    features: Sequence[type[Feature]]
    analyzers: Sequence[type[Analyzer]]
    loaders: Mapping[str, Loader] = field(default_factory=dict)


def run_service(definition: ServiceDefinition) -> None:
    """The main of every service. Returns after SIGTERM or SIGINT; ends the process with status 3 where it can't start."""
    bound_heap()
    settings = RuntimeSettings()
    if settings.parent_pid:
        die_with_parent(settings.parent_pid)
    configure_logging(settings.log, service=definition.name)
    flush_traces = configure_tracing(settings.tracing, service=definition.name)
    try:
        asyncio.run(_Process(definition, settings).run())
    except ServiceError as error:
        log.error("service_failed", code=error.error_code, reason=error.reason)  # noqa: TRY400 - the reason says it all
        raise SystemExit(3) from error
    finally:
        flush_traces()


class _Process:
    def __init__(self, definition: ServiceDefinition, settings: RuntimeSettings) -> None:
        self._definition = definition
        self._settings = settings
        self._metrics = Metrics()
        self._catalog = Catalog(definition.features, definition.analyzers)
        self._missing = ["models", "grpc"]

    async def run(self) -> None:
        definition, settings = self._definition, self._settings
        started = time.perf_counter()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        host = MediaHost(settings.media)
        probes = ProbeServer(settings.http, self._metrics, ready=lambda: list(self._missing))
        store = ModelStore(Manifest.load(definition.package), settings.models)
        loaders = {"onnx": load_onnx, **definition.loaders}
        pool = ModelPool(store, settings.models, loaders, observer=_PoolMetrics(self._metrics))
        bus = await connect(settings.nats) if settings.nats.url else None
        runner = TaskRunner(
            definition.name,
            self._catalog,
            settings=settings,
            pool=pool,
            host=host,
            media=MediaStore(settings.media, bus.media.get_to if bus is not None else None),
            results=ResultStore(bus) if bus is not None else None,
            metrics=self._metrics,
        )
        server = GrpcServer(
            settings.grpc,
            self._metrics,
            [(definition.grpc_name, lambda grpc_server: definition.add_servicer(runner, grpc_server))],
        )
        pool.start_sweeper()
        try:
            await server.start()
            if settings.models.preload:
                await asyncio.to_thread(self._preload, pool)
            self._missing.clear()
            await server.set_serving()
            self._say_ready(server.port, probes.port)
            log.info(
                "serving",
                version=__version__,
                profile=settings.models.profile,
                grpc=server.port,
                http=probes.port,
                seconds=round(time.perf_counter() - started, 2),
            )
            await self._serve(bus, runner, server, stop)
        finally:
            await server.drain(0)
            if bus is not None:
                await bus.close()
            host.close()
            runner.close()
            pool.close()
            probes.close()
            log.info("stopped")

    async def _serve(self, bus: Bus | None, runner: TaskRunner, server: GrpcServer, stop: asyncio.Event) -> None:
        """Works until told to stop; then says so, and finishes or gives back what is in hand."""
        drain_s = self._settings.worker.drain_s
        worker = Worker(bus, runner, settings=self._settings.worker, metrics=self._metrics) if bus is not None else None
        working = asyncio.create_task(worker.run() if worker is not None else stop.wait(), name="worker")
        announcing = asyncio.create_task(self._announce(bus, runner) if bus is not None else stop.wait(), name="announce")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            announcing.cancel()
            self._missing.append("draining")
            draining = asyncio.create_task(server.drain(drain_s), name="drain")
            if worker is not None:
                worker.drain()
                _, pending = await asyncio.wait({working}, timeout=drain_s)
                if pending:
                    worker.give_back()
            await working
            await draining
        finally:
            for task in (announcing, stopping):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _announce(self, bus: Bus, runner: TaskRunner) -> None:
        """Says again and again what can be done here: models may come and go."""
        self._metrics.bus_connected.set_function(lambda: float(bus.connected))
        while True:
            try:
                listed = await asyncio.to_thread(runner.list_analyzers)
                await bus.announce(self._definition.name, listed.SerializeToString())
            except ServiceError as error:
                log.warning("announce_failed", reason=error.reason)
            await asyncio.sleep(ANNOUNCE_S)

    def _preload(self, pool: ModelPool) -> None:
        """Loads what the default analyzers need; a model that is not there makes its analyzers unavailable, not the service."""
        needed = {task for kind in self._catalog.nodes.values() for task in kind.models}
        optional = {task for kind in self._catalog.nodes.values() for task in kind.optional_models}
        for task in sorted(needed | optional):
            if reason := unavailable_reason(pool, task):
                if task in needed:
                    log.warning("model_unavailable", task=task, reason=reason)
                continue
            try:
                pool.preload(task)
            except ServiceError as error:
                log.warning("model_unavailable", task=task, reason=error.reason)

    def _say_ready(self, grpc_port: int, http_port: int) -> None:
        """Writes the ports where the starter asked for them, whole or not at all."""
        path = self._settings.ready_file
        if path is None:
            return
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps({"pid": os.getpid(), "grpc": grpc_port, "http": http_port}))
        partial.replace(path)


class _PoolMetrics(SilentObserver):
    """Tells the metrics what the model pool does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_load(self, name: str, seconds: float, memory_bytes: int) -> None:
        """A model is in memory."""
        self._metrics.models_loaded.labels(name).set(1)
        self._metrics.model_loads.labels(name).inc()
        self._metrics.model_load_seconds.labels(name).observe(seconds)
        self._metrics.model_memory.labels(name).set(memory_bytes)

    def on_unload(self, name: str, freed_bytes: int) -> None:
        """It is not any more."""
        del freed_bytes
        self._metrics.models_loaded.labels(name).set(0)
        self._metrics.model_unloads.labels(name).inc()
        self._metrics.model_memory.labels(name).set(0)
