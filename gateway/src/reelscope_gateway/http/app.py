"""The HTTP application."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from reelscope_gateway.http.jobs import jobs_router
from reelscope_gateway.http.measuring import Measuring
from reelscope_gateway.http.openapi import describe
from reelscope_gateway.http.problems import add_problem_handlers
from reelscope_gateway.http.system import system_router
from reelscope_gateway.http.transcripts import transcripts_router
from reelscope_gateway.jobs.service import JobService
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.version import __version__

DESCRIPTION = (
    "Turns a short video into one typed JSON document. Bodies and answers are the canonical JSON of the protobuf contract; "
    "errors are problem details (RFC 9457)."
)


def create_app(service: JobService, metrics: Metrics, closing: asyncio.Future[None]) -> FastAPI:
    """Makes the application.

    Args:
        service: What answers.
        metrics: Where requests are counted.
        closing: Done when the gateway goes down; open event streams end then.
    """
    # Its pages come from here, too: the visitor's browser asks nobody else.
    app = FastAPIOffline(title="Reelscope", version=__version__, description=DESCRIPTION, redoc_url=None)
    app.add_middleware(Measuring, metrics=metrics)
    add_problem_handlers(app)
    app.include_router(jobs_router(service, metrics, closing))
    app.include_router(transcripts_router(service))
    app.include_router(system_router(service, metrics))
    describe(app)
    return app
