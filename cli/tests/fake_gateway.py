"""A gateway in a few lines, spoken to without a network: one job at a time goes through its states."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import httpx
from google.protobuf.message import Message

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzeEvent, AnalyzerInfo, ListAnalyzersResponse
from reelscope.gateway.v1.gateway_pb2 import Job, JobEvent
from reelscope_cli.client import ReelscopeClient
from reelscope_runtime.contract import to_json

KINDS = {"job", "progress", "segments", "result", "problem"}


def problem(status: int, code: str, detail: str, *, retryable: bool = False) -> httpx.Response:
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, "retryable": retryable}
    return httpx.Response(status, headers={"content-type": "application/problem+json"}, content=json.dumps(body))


def sse(event: JobEvent) -> str:
    message = event.job if event.WhichOneof("event") == "job" else event.analysis
    kind = "job" if isinstance(message, Job) else message.WhichOneof("event")
    assert kind in KINDS
    return f"id: {event.sequence}\r\nevent: {kind}\r\ndata: {to_json(message)}\r\n\r\n"


class BrokenStream(httpx.AsyncByteStream):
    """Sends, and breaks off where it is told to."""

    def __init__(self, chunks: Sequence[str | Exception]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk.encode()


@dataclass
class FakeGateway:
    """What it answers can be set; what it was asked is kept.

    Attributes:
        document: The result of the job.
        events: Of the job.
        breaks: After how many events each connection in turn breaks off; then no more.
        refusal: Answer to submissions, instead of a job.
        ready: Answer of /readyz.
        down: How many of the next requests find nobody.
    """

    document: AnalysisDocument = field(default_factory=AnalysisDocument)
    events: list[JobEvent] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    refusal: httpx.Response | None = None
    ready: httpx.Response = field(default_factory=lambda: httpx.Response(200, json={"missing": []}))
    down: int = 0
    requests: list[httpx.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def client(self, base_url: str = "http://gateway") -> ReelscopeClient:
        return ReelscopeClient(base_url, transport=httpx.MockTransport(self._answer), sleep=self._sleep)

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(await request.aread())
        if self.down:
            self.down -= 1
            raise httpx.ConnectError("nobody there", request=request)
        answers: dict[str, Callable[[], httpx.Response]] = {
            "GET /readyz": lambda: self.ready,
            "POST /v1/jobs": lambda: self.refusal or _json(Job(job_id="j1", state="queued")),
            "GET /v1/jobs/j1": lambda: _json(self._job()),
            "GET /v1/jobs/j1/events": lambda: self._stream(int(request.headers.get("last-event-id", "0"))),
            "GET /v1/jobs/j1/result": lambda: _json(self.document),
            "DELETE /v1/jobs/j1": lambda: _json(Job(job_id="j1", state="cancelled")),
            "GET /v1/analyzers": lambda: _json(
                ListAnalyzersResponse(analyzers=[AnalyzerInfo(name="cut_analysis", available=True)])
            ),
        }
        answer = answers.get(f"{request.method} {request.url.path}")
        return answer() if answer is not None else problem(404, "not_found", f"there is no {request.url.path}")

    def _job(self) -> Job:
        return next((event.job for event in reversed(self.events) if event.WhichOneof("event") == "job"), Job(job_id="j1"))

    def _stream(self, after: int) -> httpx.Response:
        left = [sse(event) for event in self.events if event.sequence > after]
        if not left:
            return httpx.Response(204)
        chunks: list[str | Exception] = [": keep-alive\r\n\r\n", *left]
        if self.breaks:
            chunks = [*chunks[: self.breaks.pop(0) + 1], httpx.ReadError("connection lost")]
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=BrokenStream(chunks))


def _json(message: Message) -> httpx.Response:
    return httpx.Response(200, content=to_json(message))


def told(*events: Job | AnalyzeEvent) -> list[JobEvent]:
    """Numbered events, with gaps, as on a stream that is shared with other jobs."""
    return [
        JobEvent(sequence=3 * number, job=event) if isinstance(event, Job) else JobEvent(sequence=3 * number, analysis=event)
        for number, event in enumerate(events, start=1)
    ]
