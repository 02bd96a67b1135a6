"""Job records in the `jobs` bucket: the only state of the gateway, changed by compare-and-set only."""

from __future__ import annotations

from collections.abc import Callable

from reelscope.gateway.v1.gateway_pb2 import Job, ListJobsResponse
from reelscope_gateway.jobs.ids import is_job_id
from reelscope_gateway.jobs.reading import TimedReader
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import ConflictError, InvalidRequestError, NotFoundError

FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})
STATES = ("queued", "fetching", "analyzing", "succeeded", "failed", "cancelled")
DEFAULT_PAGE = 50
LARGEST_PAGE = 500
_CLAIM_PREFIX = "idempotency."


class JobIsFinalError(ConflictError):
    """The job has ended; nothing changes it any more."""

    code = "job_is_final"

    def __init__(self, job: Job) -> None:
        super().__init__(f"job {job.job_id} has {job.state} already")
        self.job = job


def is_final(job: Job) -> bool:
    """Whether the job has ended."""
    return job.state in FINAL_STATES


class JobRecords:
    """Reads and changes records."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, job_id: str) -> Job | None:
        """The job, or None."""
        record = await self._bus.jobs.get(job_id) if is_job_id(job_id) else None
        return None if record is None or record.value is None else Job.FromString(record.value)

    async def get(self, job_id: str) -> Job:
        """The job.

        Raises:
            NotFoundError: There is none of this id.
        """
        job = await self.find(job_id)
        if job is None:
            raise NotFoundError(f"there is no job {job_id!r}; it may have expired", code="job_not_found")
        return job

    async def create(self, job: Job) -> Job:
        """Writes a new record; where one of the same id is there already, that one is returned and stays."""
        try:
            await self._bus.jobs.create(job.job_id, job.SerializeToString(deterministic=True))
        except ConflictError:
            return await self.get(job.job_id)
        return job

    async def change(self, job_id: str, change: Callable[[Job], None]) -> Job:
        """Applies a change to the record as it stands; again, where somebody else was faster.

        Raises:
            JobIsFinalError: The job has ended.
            NotFoundError: There is none.
        """
        while True:
            record = await self._bus.jobs.get(job_id)
            if record is None or record.value is None:
                raise NotFoundError(f"there is no job {job_id!r}; it may have expired", code="job_not_found")
            job = Job.FromString(record.value)
            if is_final(job):
                raise JobIsFinalError(job)
            change(job)
            try:
                await self._bus.jobs.update(job_id, job.SerializeToString(deterministic=True), record.revision)
            except ConflictError:
                continue
            return job

    async def until_final(self, job_id: str) -> None:
        """Returns once the job has ended."""
        async with TimedReader(self._bus.jobs.watch(job_id)) as reader:
            while True:
                record = await reader.next()
                if record is not None and record.value is not None and is_final(Job.FromString(record.value)):
                    return

    async def ids(self) -> list[str]:
        """Ids of all jobs, newest first."""
        return sorted((key for key in await self._bus.jobs.keys() if is_job_id(key)), reverse=True)

    async def page(self, *, state: str = "", page_size: int = 0, page_token: str = "") -> ListJobsResponse:
        """One page of jobs, newest first.

        Args:
            state: Only jobs in this state; empty: all.
            page_size: Jobs on the page; 0: 50; more than 500 are cut to that.
            page_token: Where the page before ended; empty: the first page.

        Raises:
            InvalidRequestError: A state that there is not, a negative size, or a token that was not ours.
        """
        if state and state not in STATES:
            raise InvalidRequestError(f"there is no job state {state!r}; the states are {', '.join(STATES)}")
        if page_size < 0:
            raise InvalidRequestError(f"page_size is {page_size}; give 1 to {LARGEST_PAGE}, or 0 for {DEFAULT_PAGE}")
        if page_token and not is_job_id(page_token):
            raise InvalidRequestError(
                f"page_token {page_token[:60]!r} is none of ours; give the next_page_token of the page before"
            )
        size = min(page_size or DEFAULT_PAGE, LARGEST_PAGE)
        page = ListJobsResponse()
        for job_id in await self.ids():
            if page_token and job_id >= page_token:
                continue
            if len(page.jobs) == size:
                page.next_page_token = page.jobs[-1].job_id
                break
            job = await self.find(job_id)
            if job is not None and state in {"", job.state}:
                page.jobs.append(job)
        return page

    async def claim(self, key_hash: str, fingerprint: str, job_id: str) -> str:
        """Ties an idempotency key to a job id; the first to claim wins. Returns the winner's job id, which may have no record
        yet: whoever holds the same request creates it.

        Raises:
            ConflictError: The key was used for a different request; code "idempotency_key_reused".
        """
        try:
            await self._bus.jobs.create(_CLAIM_PREFIX + key_hash, f"{job_id} {fingerprint}".encode())
        except ConflictError:
            claimed = await self.claimed(key_hash, fingerprint)
            return claimed or await self.claim(key_hash, fingerprint, job_id)
        return job_id

    async def claimed(self, key_hash: str, fingerprint: str) -> str | None:
        """The job id that the key is tied to; None while it is free.

        Raises:
            ConflictError: The key was used for a different request; code "idempotency_key_reused".
        """
        record = await self._bus.jobs.get(_CLAIM_PREFIX + key_hash)
        if record is None or record.value is None:
            return None
        job_id, _, theirs = record.value.decode().partition(" ")
        if theirs != fingerprint:
            raise ConflictError(
                f"the idempotency key belongs to job {job_id}, which was a different request; use a new key",
                code="idempotency_key_reused",
            )
        return job_id
