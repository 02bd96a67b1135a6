"""HTTP, gRPC and the jobs of one gateway in one event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
import uvicorn

from reelscope_gateway.assembly import Gateway, assemble
from reelscope_gateway.grpc.servicer import SERVICE, GatewayServicer
from reelscope_gateway.http.app import create_app
from reelscope_gateway.jobs.intake import Prober
from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import UnavailableError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.server.grpc_server import GrpcServer
from reelscope_runtime.settings import HttpSettings

log = structlog.get_logger(__name__)

BACKLOG = 512


class _HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own: the process has one place that decides to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that serves.

    Attributes:
        gateway: Its pieces.
        http_port: Where HTTP listens.
        grpc_port: Where gRPC listens.
        serving: Ends when the HTTP server does.
        working: Ends when the worker does.
    """

    gateway: Gateway
    http_port: int
    grpc_port: int
    serving: asyncio.Task[None]
    working: asyncio.Task[None]

    async def run_until(self, stop: asyncio.Event) -> None:
        """Returns when told to stop, or when something that should go on for ever has ended; raises what ended it."""
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait({stopping, self.working, self.serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        for task in done - {stopping}:
            task.result()


@asynccontextmanager
async def running(settings: GatewayRuntimeSettings, bus: Bus, prober: Prober, metrics: Metrics) -> AsyncIterator[Running]:
    """Serves and works within the block. At its end jobs in hand are given back at once, open streams end, and requests have
    `worker.drain_s` to finish.

    Raises:
        UnavailableError: An address can't be bound, or the bus does not answer.
    """
    gateway = assemble(settings, bus, prober, metrics)
    leftovers = await asyncio.to_thread(gateway.service.incoming.sweep)
    if leftovers:
        log.info("leftovers_removed", count=leftovers)
    with _listen(settings.http) as listening:
        servicer = GatewayServicer(gateway.service, gateway.closing)
        grpc_server = GrpcServer(settings.grpc, metrics, [(SERVICE, servicer.add_to)])
        await grpc_server.start()
        await grpc_server.set_serving()
        app = create_app(gateway.service, metrics, gateway.closing)
        http_server = _HttpServer(_config(app, settings))
        serving = asyncio.create_task(http_server.serve([listening]), name="http")
        working = asyncio.create_task(gateway.worker.run(), name="worker")
        looking = asyncio.create_task(gateway.queue.look_after(), name="look-after")
        try:
            yield Running(gateway, int(listening.getsockname()[1]), grpc_server.port, serving, working)
        finally:
            gateway.worker.drain()
            if not gateway.closing.done():
                gateway.closing.set_result(None)
            looking.cancel()
            http_server.should_exit = True
            await grpc_server.drain(settings.worker.drain_s)
            await asyncio.gather(working, serving, looking, return_exceptions=True)


def _config(app: object, settings: GatewayRuntimeSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=max(1, round(settings.worker.drain_s)),
    )


def _listen(settings: HttpSettings) -> socket.socket:
    try:
        return socket.create_server((settings.host, settings.port), backlog=BACKLOG)
    except OSError as error:
        raise UnavailableError(f"cannot listen on {settings.host}:{settings.port}: {error}") from error
