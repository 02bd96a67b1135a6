"""Counts, times and traces every request."""

from __future__ import annotations

import time

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelscope_runtime import tracing
from reelscope_runtime.metrics import Metrics

UNTRACED = frozenset({"/healthz", "/readyz", "/metrics"})


class Measuring:
    """ASGI middleware. Routes are labelled by their template, so that ids make no new time series.

    Args:
        app: What answers.
        metrics: Where it is counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            if scope["path"] in UNTRACED:
                await self._app(scope, receive, observed)
            else:
                name = f"{scope['method']} {scope['path']}"
                with tracing.span(name, kind=SpanKind.SERVER, parent=tracing.extract(headers)):
                    await self._app(scope, receive, observed)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.http_requests.labels(scope["method"], route, str(status)).inc()
            self._metrics.http_seconds.labels(route).observe(time.perf_counter() - started)
