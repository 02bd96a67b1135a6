"""GatewayService. Errors are left to the server's interceptor, which maps the tree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, ListAnalyzersRequest, ListAnalyzersResponse
from reelscope.gateway.v1 import gateway_pb2_grpc
from reelscope.gateway.v1.gateway_pb2 import (
    CancelJobRequest,
    GetJobRequest,
    GetResultRequest,
    Job,
    JobEvent,
    ListJobsRequest,
    ListJobsResponse,
    SubmitBatchRequest,
    SubmitBatchResponse,
    SubmitJobRequest,
    WatchJobRequest,
)
from reelscope_gateway.jobs.service import JobService

Context = grpc.aio.ServicerContext[Any, Any]
SERVICE = "reelscope.gateway.v1.GatewayService"


class GatewayServicer(gateway_pb2_grpc.GatewayServiceServicer):
    """The calls.

    Args:
        service: What answers.
        closing: Done when the gateway goes down; open streams end then.
    """

    def __init__(self, service: JobService, closing: asyncio.Future[None]) -> None:
        self._service = service
        self._closing = closing

    def add_to(self, server: grpc.aio.Server) -> None:
        """Adds itself to a server."""
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(self, server)

    async def SubmitJob(self, request: SubmitJobRequest, context: Context) -> Job:  # noqa: N802 - gRPC's names
        """Takes a job in."""
        del context
        return await self._service.submit(request)

    async def SubmitBatch(self, request: SubmitBatchRequest, context: Context) -> SubmitBatchResponse:  # noqa: N802
        """Takes several in."""
        del context
        return await self._service.submit_batch(request.jobs)

    async def GetJob(self, request: GetJobRequest, context: Context) -> Job:  # noqa: N802
        """Shows a job."""
        del context
        return await self._service.get(request.job_id)

    async def ListJobs(self, request: ListJobsRequest, context: Context) -> ListJobsResponse:  # noqa: N802
        """Lists jobs."""
        del context
        return await self._service.page(state=request.state, page_size=request.page_size, page_token=request.page_token)

    async def WatchJob(self, request: WatchJobRequest, context: Context) -> AsyncIterator[JobEvent]:  # noqa: N802
        """Streams a job's events."""
        del context
        events = self._service.watch(request.job_id, after_sequence=request.after_sequence, closing=self._closing)
        async with aclosing(events):
            async for event in events:
                yield event

    async def GetResult(self, request: GetResultRequest, context: Context) -> AnalysisDocument:  # noqa: N802
        """Gives the document."""
        del context
        return await self._service.result(request.job_id)

    async def CancelJob(self, request: CancelJobRequest, context: Context) -> Job:  # noqa: N802
        """Calls a job off."""
        del context
        return await self._service.cancel(request.job_id)

    async def ListAnalyzers(  # noqa: N802
        self, request: ListAnalyzersRequest, context: Context
    ) -> ListAnalyzersResponse:
        """Lists the analyzers."""
        del request, context
        return await self._service.analyzers()
