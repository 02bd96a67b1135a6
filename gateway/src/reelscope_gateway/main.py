"""The gateway's process, from its first line to its last."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import structlog

from reelscope_gateway.serving import running
from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.nats import connect
from reelscope_runtime.errors import ServiceError
from reelscope_runtime.logging import configure_logging
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.process import die_with_parent
from reelscope_runtime.tracing import configure_tracing
from reelscope_runtime.version import __version__

log = structlog.get_logger(__name__)

CANNOT_START = 3
"""Exit status of a gateway that can't start."""


def main() -> None:
    """Runs until SIGTERM or SIGINT; ends with status 3 where it can't start."""
    settings = GatewayRuntimeSettings()
    if settings.parent_pid:
        die_with_parent(settings.parent_pid)
    configure_logging(settings.log, service="gateway")
    flush_traces = configure_tracing(settings.tracing, service="gateway")
    try:
        asyncio.run(_serve(settings))
    except ServiceError as error:
        log.error("gateway_failed", code=error.error_code, reason=error.reason)  # noqa: TRY400 - the reason says it all
        raise SystemExit(CANNOT_START) from error
    finally:
        flush_traces()


async def _serve(settings: GatewayRuntimeSettings) -> None:
    started = time.perf_counter()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    bus = await connect(settings.nats)
    metrics.bus_connected.set_function(lambda: float(bus.connected))
    host = MediaHost(settings.media)
    try:
        async with running(settings, bus, host, metrics) as gateway:
            ports = {"pid": os.getpid(), "http": gateway.http_port, "grpc": gateway.grpc_port}
            await asyncio.to_thread(_say_ready, settings.ready_file, ports)
            log.info("serving", version=__version__, seconds=round(time.perf_counter() - started, 2), **ports)
            await gateway.run_until(stop)
            log.info("draining")
    finally:
        host.close()
        await bus.close()
        log.info("stopped")


def _say_ready(path: Path | None, ports: dict[str, int]) -> None:
    """Writes the ports where the starter asked for them, whole or not at all."""
    if path is None:
        return
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(ports))
    partial.replace(path)


if __name__ == "__main__":
    main()
