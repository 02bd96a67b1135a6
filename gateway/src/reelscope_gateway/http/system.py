"""What there is and how it does: analyzers, probes, metrics."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from reelscope.analysis.v1.analysis_pb2 import ListAnalyzersResponse
from reelscope_gateway.http.answers import json_answer
from reelscope_gateway.http.openapi import answers
from reelscope_gateway.jobs.service import JobService
from reelscope_runtime.errors import UnavailableError
from reelscope_runtime.metrics import Metrics


def system_router(service: JobService, metrics: Metrics) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["system"])

    @router.get("/v1/analyzers", responses=answers(ListAnalyzersResponse.DESCRIPTOR, 503))
    async def list_analyzers() -> Response:
        """All analyzers, with whether they can be used now."""
        return await json_answer(await service.analyzers())

    @router.get("/healthz")
    async def healthz() -> Response:
        """Whether the process is alive."""
        return JSONResponse({"status": "ok", "missing": []})

    @router.get("/readyz")
    async def readyz() -> Response:
        """Whether the bus is connected and every expected service has announced itself; 503 and what is missing otherwise."""
        try:
            missing = await service.missing()
        except UnavailableError:
            missing = ["bus"]
        body = {"status": "unavailable" if missing else "ok", "missing": missing}
        return JSONResponse(body, 503 if missing else 200)

    @router.get("/metrics")
    async def prometheus() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router
