"""How a job ends, whoever ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp

from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.jobs.events import JobEvents
from reelscope_gateway.jobs.records import JobRecords
from reelscope_runtime.metrics import Metrics

FinalState = Literal["succeeded", "failed", "cancelled"]


class JobEnding:
    """Writes the final state, tells it and counts it.

    Args:
        records: Where it is written.
        events: Where it is told.
        metrics: Where it is counted.
    """

    def __init__(self, records: JobRecords, events: JobEvents, metrics: Metrics) -> None:
        self._records = records
        self._events = events
        self._metrics = metrics

    async def end(self, job_id: str, state: FinalState, change: Callable[[Job], None]) -> Job:
        """Ends the job.

        Args:
            job_id: Which job.
            state: How it ended.
            change: What else is written into the record.

        Raises:
            JobIsFinalError: It had ended already.
        """

        def finish(job: Job) -> None:
            change(job)
            job.state = state
            job.finished_at.GetCurrentTime()
            if state == "succeeded":
                job.progress = 1.0

        job = await self._records.change(job_id, finish)
        await self._events.publish_state(job)
        self._metrics.jobs_finished.labels(state).inc()
        if state == "succeeded":
            self._metrics.job_seconds.observe(seconds_between(job.submitted_at, job.finished_at))
        return job


def now() -> Timestamp:
    """This moment."""
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp


def seconds_between(start: Timestamp, end: Timestamp) -> float:
    """Seconds from one moment to another; never negative, though clocks of two hosts may differ."""
    return max(0.0, (end.ToNanoseconds() - start.ToNanoseconds()) / 1e9)
