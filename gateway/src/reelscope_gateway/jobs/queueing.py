"""Puts jobs on the queue, and finds those that should be on it but may not be."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import structlog

from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.jobs.events import GATEWAY, JobEvents
from reelscope_gateway.jobs.fanout import DEFAULT_PRIORITY
from reelscope_gateway.jobs.ids import made_at
from reelscope_gateway.jobs.records import JobRecords
from reelscope_runtime.bus.base import Bus, Priority
from reelscope_runtime.errors import ServiceError
from reelscope_runtime.tracing import inject

log = structlog.get_logger(__name__)

FORGOTTEN_AFTER_S = 60.0
"""A job still queued at this age is queued once more: the gateway that took it in may have died before it did."""
LOOK_EVERY_S = 60.0


class JobQueue:
    """The gateway's own tasks.

    Args:
        bus: Where they are queued.
        records: Where jobs are found.
        events: Where they are told of.
    """

    def __init__(self, bus: Bus, records: JobRecords, events: JobEvents) -> None:
        self._bus = bus
        self._records = records
        self._events = events

    async def put(self, job: Job) -> None:
        """Queues the job; doing it twice is doing it once."""
        if job.state != "queued":
            return
        await self._events.publish_state(job)
        headers = {"traceparent": job.traceparent} if job.traceparent else {}
        await self._bus.publish_task(
            GATEWAY,
            cast("Priority", job.priority or DEFAULT_PRIORITY),
            job.job_id.encode(),
            message_id=f"{job.job_id}.job",
            headers=headers or inject({}),
        )

    async def look_after(self) -> None:
        """Until cancelled: queues forgotten jobs, first those of any age, then those that have come of age since."""
        since = 0.0
        while True:
            until = time.time() - FORGOTTEN_AFTER_S
            try:
                await self.requeue(since, until)
            except ServiceError as error:
                log.warning("look_after_failed", code=error.error_code, reason=error.reason)
            else:
                since = until
            await asyncio.sleep(LOOK_EVERY_S)

    async def requeue(self, since: float, until: float) -> int:
        """Queues the jobs of that time (seconds since the epoch) that still wait. One that was on the queue all the while is
        there twice then, which costs nothing: it is done once. Returns how many there were."""
        count = 0
        for job_id in await self._records.ids():
            if not since <= made_at(job_id) < until:
                continue
            job = await self._records.find(job_id)
            if job is not None and job.state == "queued":
                log.info("job_queued_again", job_id=job_id)
                await self.put(job)
                count += 1
        return count
