"""Everything that can be asked of the gateway; HTTP and gRPC are thin over this."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, ListAnalyzersResponse
from reelscope.gateway.v1.gateway_pb2 import (
    Job,
    JobEvent,
    ListJobsResponse,
    SubmitBatchItem,
    SubmitBatchResponse,
    SubmitJobRequest,
)
from reelscope_gateway.jobs.directory import AnalyzerDirectory
from reelscope_gateway.jobs.ending import JobEnding
from reelscope_gateway.jobs.events import JobEvents
from reelscope_gateway.jobs.intake import Intake
from reelscope_gateway.jobs.queueing import JobQueue
from reelscope_gateway.jobs.records import JobIsFinalError, JobRecords, is_final
from reelscope_gateway.jobs.sources import resolve_path
from reelscope_gateway.jobs.submission import Upload, check, fingerprint_of, job_of, key_hash_of, plain_filename
from reelscope_gateway.settings import GatewaySettings
from reelscope_gateway.store.base import Incoming
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import ConflictError, InvalidRequestError, ServiceError, UnknownAnalyzerError
from reelscope_runtime.metrics import Metrics

log = structlog.get_logger(__name__)


class JobStateError(ConflictError):
    """The job is not in a state that allows it."""

    code = "job_not_finished"

    def __init__(self, reason: str, job: Job, *, code: str | None = None) -> None:
        super().__init__(reason, code=code, retryable=not is_final(job))
        self.job = job


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the service works with."""

    bus: Bus
    records: JobRecords
    events: JobEvents
    queue: JobQueue
    ending: JobEnding
    directory: AnalyzerDirectory
    intake: Intake
    incoming: Incoming
    metrics: Metrics


class JobService:
    """Submits, shows, watches and cancels jobs.

    Args:
        parts: What it works with.
        settings: The gateway's.
    """

    def __init__(self, parts: ServiceParts, settings: GatewaySettings) -> None:
        self._parts = parts
        self.settings = settings
        self.incoming = parts.incoming

    async def submit(self, request: SubmitJobRequest, upload: Upload | None = None) -> Job:
        """Takes a job in. A file (path or upload) has been looked into and stored when this returns; a URL is fetched later.

        Args:
            request: What is asked for.
            upload: The file, where it came by another way than in the request.

        Raises:
            InvalidRequestError: The request makes no sense.
            UnknownAnalyzerError: An analyzer that no service knows.
            ForbiddenError: A path outside the media roots, or a private address.
            NotFoundError: No such file.
            MediaError: The file can't be read as video or audio.
            ConflictError: The idempotency key belongs to a different request.
            UnavailableError: The bus or the store does not answer.
        """
        if request.WhichOneof("source") == "upload" and upload is None:
            return await self._submit_inline(request)
        parts = self._parts
        check(request, upload, self.settings.fetch)
        key_hash = key_hash_of(request.idempotency_key) if request.idempotency_key else ""
        fingerprint = await fingerprint_of(request, upload) if key_hash else ""
        if key_hash:
            earlier = await self._earlier(key_hash, fingerprint)
            if earlier is not None:
                return earlier
        job = job_of(request, upload)
        await self._choose_analyzers(request, job)
        await self._take_in(request, upload, job)
        if key_hash:
            job.job_id = await parts.records.claim(key_hash, fingerprint, job.job_id)
        job = await parts.records.create(job)
        await parts.queue.put(job)
        parts.metrics.jobs_submitted.labels(job.source_kind, job.priority).inc()
        log.info("job_submitted", job_id=job.job_id, source_kind=job.source_kind, priority=job.priority)
        return job

    async def submit_batch(self, requests: Sequence[SubmitJobRequest]) -> SubmitBatchResponse:
        """Takes several jobs in, one after the other; one that is refused does not hold up the others.

        Raises:
            InvalidRequestError: Too many at once.
        """
        if len(requests) > self.settings.max_batch:
            raise InvalidRequestError(f"{len(requests)} jobs in one batch; {self.settings.max_batch} are allowed")
        response = SubmitBatchResponse()
        for request in requests:
            try:
                response.items.append(SubmitBatchItem(job=await self.submit(request)))
            except ServiceError as error:
                response.items.append(SubmitBatchItem(problem=error.to_problem()))
        return response

    async def get(self, job_id: str) -> Job:
        """The job. Raises NotFoundError."""
        return await self._parts.records.get(job_id)

    async def page(self, *, state: str = "", page_size: int = 0, page_token: str = "") -> ListJobsResponse:
        """One page of jobs, newest first. Raises InvalidRequestError."""
        return await self._parts.records.page(state=state, page_size=page_size, page_token=page_token)

    def watch(
        self, job_id: str, *, after_sequence: int = 0, closing: asyncio.Future[None] | None = None
    ) -> AsyncGenerator[JobEvent, None]:
        """The job's events, see `JobEvents.watch`."""
        return self._parts.events.watch(job_id, after_sequence=after_sequence, closing=closing)

    async def result(self, job_id: str) -> AnalysisDocument:
        """The document.

        Raises:
            NotFoundError: No such job, or its document has expired.
            JobStateError: The job has none (yet): it still runs, has failed or was cancelled.
        """
        job = await self.get(job_id)
        if job.state == "succeeded":
            return AnalysisDocument.FromString(await self._parts.bus.objects.get(job.document_key))
        if job.state == "failed":
            reason = f"job {job_id} has failed: {job.problem.reason}"
            raise JobStateError(reason, job, code="job_failed")
        if is_final(job):
            raise JobStateError(f"job {job_id} was cancelled", job, code="job_cancelled")
        raise JobStateError(f"job {job_id} is {job.state}; ask again when it has succeeded, or watch its events", job)

    async def cancel(self, job_id: str) -> Job:
        """Calls a job off; calling off one that is cancelled already changes nothing.

        Raises:
            NotFoundError: No such job.
            JobIsFinalError: It has succeeded or failed already.
        """

        def change(job: Job) -> None:
            for name, state in list(job.analyzer_states.items()):
                if state == "pending":
                    job.analyzer_states[name] = "cancelled"

        await self.get(job_id)
        try:
            job = await self._parts.ending.end(job_id, "cancelled", change)
        except JobIsFinalError as error:
            if error.job.state == "cancelled":
                return error.job
            raise
        await self._parts.bus.publish_cancel(job_id)
        log.info("job_cancelled", job_id=job_id)
        return job

    async def analyzers(self) -> ListAnalyzersResponse:
        """All analyzers that are known, with whether they can be used now."""
        return ListAnalyzersResponse(analyzers=(await self._parts.directory.known()).values())

    async def missing(self) -> list[str]:
        """What the gateway lacks to be of use; empty when it is ready."""
        if not self._parts.bus.connected:
            return ["bus"]
        return await self._parts.directory.missing()

    async def _earlier(self, key_hash: str, fingerprint: str) -> Job | None:
        """The job that the idempotency key belongs to; queued again, in case its gateway died before it queued it."""
        job_id = await self._parts.records.claimed(key_hash, fingerprint)
        job = await self._parts.records.find(job_id) if job_id else None
        if job is not None:
            await self._parts.queue.put(job)
        return job

    async def _submit_inline(self, request: SubmitJobRequest) -> Job:
        """A file that came within the request: put on the disk, then like any upload."""
        filename = plain_filename(request.upload.filename)
        async with self.incoming.file() as path:
            await asyncio.to_thread(path.write_bytes, request.upload.content)
            bare = SubmitJobRequest()
            bare.CopyFrom(request)
            bare.ClearField("upload")
            return await self.submit(bare, Upload(path, filename))

    async def _choose_analyzers(self, request: SubmitJobRequest, job: Job) -> None:
        directory = self._parts.directory
        names = await directory.select(request.analyzers)
        known = await directory.known() if request.options.models else {}
        unknown = [name for name in request.options.models if name not in known]
        if unknown:
            raise UnknownAnalyzerError(
                f"options.models names {', '.join(repr(name[:60]) for name in unknown[:5])}, which is no analyzer; there are: "
                f"{', '.join(sorted(known)) or 'none'}"
            )
        if request.profile:
            known = known or await directory.known()
            others = sorted({known[name].profile for name in names if name in known} - {request.profile, ""})
            if others:
                raise InvalidRequestError(
                    f"the services run profile {', '.join(map(repr, others))}, not {request.profile!r}; leave profile out, or "
                    "start the services with REELSCOPE_MODELS__PROFILE set to it",
                    code="wrong_profile",
                )
        # "All" is settled once every service has announced itself; until then the job's start decides.
        if request.analyzers or not await directory.missing():
            job.analyzers.extend(names)
            for name in names:
                job.analyzer_states[name] = "pending"

    async def _take_in(self, request: SubmitJobRequest, upload: Upload | None, job: Job) -> None:
        if upload is not None:
            clip = await self._parts.intake.take(upload.path, upload.filename)
        elif request.WhichOneof("source") == "path":
            path: Path = await asyncio.to_thread(resolve_path, request.path, self.settings.media_roots)
            clip = await self._parts.intake.take_copy(path, path.name)
        else:
            return
        clip.write_to(job)
