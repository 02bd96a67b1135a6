"""/v1/jobs: submit, list, look, watch, fetch the result, call off."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope.gateway.v1.gateway_pb2 import Job, ListJobsResponse, SubmitBatchRequest, SubmitBatchResponse
from reelscope_gateway.http.answers import json_answer
from reelscope_gateway.http.bodies import read_json, submission
from reelscope_gateway.http.openapi import (
    EVENT_ANSWERS,
    SUBMIT_BODY,
    answers,
    json_body,
    problem_answers,
)
from reelscope_gateway.http.sse import event_stream, sequence_of
from reelscope_gateway.jobs.service import JobService
from reelscope_runtime.metrics import Metrics

MAX_INT32 = 2**31 - 1


def jobs_router(service: JobService, metrics: Metrics, closing: asyncio.Future[None]) -> APIRouter:
    """The routes.

    Args:
        service: What answers.
        metrics: Where open streams are counted.
        closing: Done when the gateway goes down; open streams end then.
    """
    router = APIRouter(prefix="/v1", tags=["jobs"])

    @router.post(
        "/jobs",
        status_code=202,
        openapi_extra=SUBMIT_BODY,
        responses=answers(Job.DESCRIPTOR, 400, 403, 404, 409, 413, 415, 422, 503, status=202),
    )
    async def submit_job(
        request: Request,
        idempotency_key: Annotated[
            str | None, Header(description="Submitting twice with the same key gives the same job.")
        ] = None,
    ) -> Response:
        """Submit a clip: by URL, by path, or the file itself.

        A file is looked into before this answers: what can't be read as video or audio is refused with 422. A URL is
        fetched later; the job says if that failed.
        """
        del idempotency_key  # read from the request, together with the body
        async with submission(request, service) as (message, upload):
            job = await service.submit(message, upload)
        return await json_answer(job, status=202, headers={"Location": f"/v1/jobs/{job.job_id}"})

    @router.post(
        "/batches",
        openapi_extra=json_body(SubmitBatchRequest.DESCRIPTOR),
        responses=answers(SubmitBatchResponse.DESCRIPTOR, 400, 413, 503),
    )
    async def submit_batch(request: Request) -> Response:
        """Submit several clips at once; each is taken or refused on its own."""
        message = await read_json(request, SubmitBatchRequest(), max_bytes=service.settings.max_body_bytes)
        return await json_answer(await service.submit_batch(message.jobs))

    @router.get("/jobs", responses=answers(ListJobsResponse.DESCRIPTOR, 400, 503))
    async def list_jobs(
        state: Annotated[str, Query(description="Only jobs in this state.")] = "",
        page_size: Annotated[int, Query(ge=0, le=MAX_INT32, description="0: 50; 500 at most.")] = 0,
        page_token: Annotated[str, Query(description="The next_page_token of the page before.")] = "",
    ) -> Response:
        """List jobs, newest first."""
        return await json_answer(await service.page(state=state, page_size=page_size, page_token=page_token))

    @router.get("/jobs/{job_id}", responses=answers(Job.DESCRIPTOR, 404, 503))
    async def get_job(job_id: str) -> Response:
        """Look at a job."""
        return await json_answer(await service.get(job_id))

    @router.get("/jobs/{job_id}/result", responses=answers(AnalysisDocument.DESCRIPTOR, 404, 409, 503))
    async def get_result(job_id: str) -> Response:
        """The document of a job that has succeeded; 409 with the state while there is none."""
        return await json_answer(await service.result(job_id))

    @router.get("/jobs/{job_id}/events", responses=EVENT_ANSWERS | problem_answers(400, 404, 503))
    async def watch_job(
        job_id: str,
        last_event_id: Annotated[str, Header(description="Resume after this event.")] = "",
        after: Annotated[str, Query(description="The same, for clients that can't set headers.")] = "",
    ) -> Response:
        """Watch a job: its state, progress, segments and results as they come."""
        return await event_stream(
            service, job_id, after_sequence=sequence_of(last_event_id or after), closing=closing, metrics=metrics
        )

    @router.delete("/jobs/{job_id}", responses=answers(Job.DESCRIPTOR, 404, 409, 503))
    async def cancel_job(job_id: str) -> Response:
        """Call a job off."""
        return await json_answer(await service.cancel(job_id))

    return router
