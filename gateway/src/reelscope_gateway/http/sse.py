"""A job's events as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import Response
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse

from reelscope.gateway.v1.gateway_pb2 import JobEvent
from reelscope_gateway.jobs.records import is_final
from reelscope_gateway.jobs.service import JobService
from reelscope_runtime.contract import to_json
from reelscope_runtime.errors import InvalidRequestError
from reelscope_runtime.metrics import Metrics

MAX_DIGITS = 18
"""Sequences are 64 bits wide."""


def sequence_of(text: str) -> int:
    """Where a client wants to resume; 0 for an empty text.

    Raises:
        InvalidRequestError: It is no sequence number.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise InvalidRequestError(f"Last-Event-ID {text[:40]!r} is no event id of ours; send the id of the last event, or none")
    return int(text)


async def event_stream(
    service: JobService, job_id: str, *, after_sequence: int, closing: asyncio.Future[None], metrics: Metrics
) -> Response:
    """The stream. A client that has seen the job's last event gets 204, on which an EventSource does not come back.

    Raises:
        NotFoundError: There is no such job.
    """
    job = await service.get(job_id)
    events = service.watch(job_id, after_sequence=after_sequence, closing=closing)
    first: JobEvent | None = None
    if after_sequence and is_final(job):
        first = await anext(events, None)
        if first is None:
            return Response(status_code=204)

    async def told() -> AsyncIterator[ServerSentEvent]:
        metrics.sse_clients.inc()
        try:
            if first is not None:
                yield _as_sse(first)
            async with aclosing(events):
                async for event in events:
                    yield _as_sse(event)
        finally:
            metrics.sse_clients.dec()

    return EventSourceResponse(
        told(), ping=service.settings.sse_ping_s, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


def _as_sse(event: JobEvent) -> ServerSentEvent:
    if event.WhichOneof("event") == "job":
        return ServerSentEvent(to_json(event.job), event="job", id=str(event.sequence))
    kind = event.analysis.WhichOneof("event") or "progress"
    return ServerSentEvent(to_json(event.analysis), event=kind, id=str(event.sequence))
