"""The Python client of a gateway.

async with ReelscopeClient("http://127.0.0.1:8080") as client:
    job = await client.submit_url("https://…")
    async for event in client.watch(job.job_id):
        ...
    document = await client.result(job.job_id)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzeEvent, AnalyzeOptions, ListAnalyzersResponse
from reelscope.gateway.v1.gateway_pb2 import Job, JobEvent, SubmitJobRequest
from reelscope_cli.problems import connection_error, error_of
from reelscope_cli.sse import ServerSentEvent, read_events
from reelscope_runtime.contract import to_dict, to_json
from reelscope_runtime.errors import InternalError, UnavailableError

M = TypeVar("M", bound=Message)
T = TypeVar("T")

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})

RETRY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Before the 2nd, 3rd, … try of what may safely be asked again: together longer than a gateway takes to be started again."""

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
"""The gateway sends a keep-alive every 15 s and answers everything else in seconds."""

ERROR_STATUS = 400
NOTHING_MORE = 204
UNREADY = 503


class ReelscopeClient:
    """Talks to one gateway; use it as an asynchronous context.

    What goes wrong is raised as the error tree has it (`reelscope_runtime.errors`): what the gateway refused as the class
    of its code, a gateway that does not answer as UnavailableError. What only reads is tried again for some seconds.

    Args:
        base_url: Of the gateway, e.g. "http://127.0.0.1:8080".
        transport: In place of the network, for tests.
        retry_delays_s: Waits between tries.
        sleep: How it waits.
    """

    def __init__(
        self,
        base_url: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._delays = tuple(retry_delays_s)
        self._sleep = sleep
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        # Proxies of the environment are for the world outside, not for a gateway that is named explicitly.
        self._http = httpx.AsyncClient(base_url=self.base_url, timeout=timeout, transport=transport, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def submit(self, request: SubmitJobRequest) -> Job:
        """Submits a job by URL, path or content. It is given an idempotency key, so that trying again makes no second job."""
        keyed = SubmitJobRequest()
        keyed.CopyFrom(request)
        keyed.idempotency_key = request.idempotency_key or uuid4().hex
        return await self._retried(lambda: self._message("POST", "/v1/jobs", Job(), json=to_dict(keyed)))

    async def submit_path(
        self,
        path: str | Path,
        *,
        analyzers: Sequence[str] = (),
        profile: str = "",
        priority: str = "",
        options: AnalyzeOptions | None = None,
    ) -> Job:
        """Submits a file that the gateway itself can read, inside one of its media roots."""
        request = SubmitJobRequest(path=str(path), analyzers=analyzers, profile=profile, priority=priority, options=options)
        return await self.submit(request)

    async def submit_url(
        self,
        url: str,
        *,
        analyzers: Sequence[str] = (),
        profile: str = "",
        priority: str = "",
        options: AnalyzeOptions | None = None,
    ) -> Job:
        """Submits an address that the gateway downloads from."""
        request = SubmitJobRequest(url=url, analyzers=analyzers, profile=profile, priority=priority, options=options)
        return await self.submit(request)

    async def submit_file(
        self,
        path: Path,
        *,
        analyzers: Sequence[str] = (),
        profile: str = "",
        priority: str = "",
        options: AnalyzeOptions | None = None,
    ) -> Job:
        """Uploads a file, piece by piece.

        Raises:
            OSError: The file can't be read.
        """
        fields: Mapping[str, str] = {
            "analyzers": ",".join(analyzers),
            "profile": profile,
            "priority": priority,
            "options": to_json(options) if options is not None else "",
        }
        with path.open("rb") as content:
            return await self._message(
                "POST",
                "/v1/jobs",
                Job(),
                data={name: value for name, value in fields.items() if value},
                files={"file": (path.name, content, "application/octet-stream")},
            )

    async def job(self, job_id: str) -> Job:
        """A job as it is now. Raises NotFoundError."""
        return await self._retried(lambda: self._message("GET", f"/v1/jobs/{job_id}", Job()))

    async def result(self, job_id: str) -> AnalysisDocument:
        """The document of a job that succeeded. Raises NotFoundError, or ConflictError where there is none (yet)."""
        return await self._retried(lambda: self._message("GET", f"/v1/jobs/{job_id}/result", AnalysisDocument()))

    async def cancel(self, job_id: str) -> Job:
        """Calls a job off. Raises NotFoundError, or ConflictError where it has ended otherwise."""
        return await self._message("DELETE", f"/v1/jobs/{job_id}", Job())

    async def analyzers(self) -> ListAnalyzersResponse:
        """All analyzers, with whether they can be used now."""
        return await self._retried(lambda: self._message("GET", "/v1/analyzers", ListAnalyzersResponse()))

    async def missing(self) -> list[str]:
        """What the gateway lacks to be of use: services, the bus, or itself where it does not answer; empty: it is ready."""
        try:
            response = await self._http.get("/readyz")
        except httpx.HTTPError:
            return ["gateway"]
        if response.status_code == UNREADY:
            missing = response.json().get("missing") if "json" in response.headers.get("content-type", "") else None
            return [str(one) for one in missing] if isinstance(missing, list) and missing else ["gateway"]
        return [] if response.is_success else ["gateway"]

    async def watch(self, job_id: str, *, after_sequence: int = 0) -> AsyncIterator[JobEvent]:
        """A job's events until it has ended, each once; connections that break are made again.

        Args:
            job_id: Which job.
            after_sequence: Where to resume; 0: from the beginning.

        Raises:
            NotFoundError: There is no such job.
            UnavailableError: The gateway can't be reached, for longer than the retries last.
        """
        last = after_sequence
        silent = 0
        while True:
            silent += 1
            with contextlib.suppress(UnavailableError):
                async for event in self._stream(job_id, last):
                    silent = 0
                    last = max(last, event.sequence)
                    yield event
                    if event.WhichOneof("event") == "job" and event.job.state in FINAL_STATES:
                        return
            job = await self.job(job_id)
            if job.state in FINAL_STATES and silent > len(self._delays):  # and yet no stream tells it
                yield JobEvent(sequence=last, job=job)
                return
            await self._sleep(self._delays[min(silent, len(self._delays) - 1)] if self._delays else 0.0)

    async def _stream(self, job_id: str, last: int) -> AsyncIterator[JobEvent]:
        """Events of one connection."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(last)} if last else {})}
        try:
            async with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
                if response.status_code == NOTHING_MORE:  # all events were seen, the last one too
                    yield JobEvent(sequence=last, job=await self.job(job_id))
                    return
                if response.status_code >= ERROR_STATUS:
                    await response.aread()
                    raise error_of(response)
                async for event in read_events(response.aiter_lines()):
                    yield _job_event(event)
        except httpx.HTTPError as error:
            raise connection_error(error, self.base_url) from error

    async def _message(
        self,
        method: str,
        path: str,
        message: M,
        *,
        json: object | None = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, object] | None = None,
    ) -> M:
        try:
            response = await self._http.request(method, path, json=json, data=data, files=files)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise connection_error(error, self.base_url) from error
        if response.status_code >= ERROR_STATUS:
            raise error_of(response)
        return _parse(response.text, message)

    async def _retried(self, ask: Callable[[], Awaitable[T]]) -> T:
        for delay in self._delays:
            try:
                return await ask()
            except UnavailableError:
                await self._sleep(delay)
        return await ask()


def _job_event(event: ServerSentEvent) -> JobEvent:
    sequence = int(event.id) if event.id.isdecimal() else 0
    if event.event == "job":
        return JobEvent(sequence=sequence, job=_parse(event.data, Job()))
    return JobEvent(sequence=sequence, analysis=_parse(event.data, AnalyzeEvent()))


def _parse(text: str, message: M) -> M:
    """Reads what a gateway sent; fields that a newer one has and we do not know are left out."""
    try:
        return json_format.Parse(text, message, ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise InternalError(f"the gateway answered no {message.DESCRIPTOR.name}: {error}") from error
