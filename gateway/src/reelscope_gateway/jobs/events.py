"""What the world hears of a job: the gateway's own events, and the stream of all of them for whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from reelscope.analysis.v1.analysis_pb2 import AnalyzeEvent, Progress
from reelscope.gateway.v1.gateway_pb2 import Job, JobEvent
from reelscope_gateway.jobs.reading import TimedReader
from reelscope_gateway.jobs.records import JobRecords, is_final
from reelscope_runtime.bus.base import Bus, Event
from reelscope_runtime.tracing import inject

GATEWAY = "gateway"
KIND_HEADER = "reelscope-kind"
JOB_KIND = "job"
"""Value of the header on events that carry a `Job`; all others carry an `AnalyzeEvent`."""

LAST_EVENT_GRACE_S = 1.0
"""A job that has ended is given so long to say so on its stream; then the watcher says it from the record. Covers a gateway
that died between the two, and streams that have expired."""


def service_of(event: Event) -> str:
    """The service that sent the event: last part of the subject `reelscope.event.<job>.<service>`."""
    return event.subject.rpartition(".")[2]


class JobEvents:
    """Publishes the gateway's events and reads everybody's."""

    def __init__(self, bus: Bus, records: JobRecords) -> None:
        self._bus = bus
        self._records = records

    async def publish_state(self, job: Job) -> None:
        """Tells that the job is in a new state; telling it twice leaves one event."""
        await self._bus.publish_event(
            job.job_id,
            GATEWAY,
            job.SerializeToString(deterministic=True),
            message_id=f"{job.job_id}.{GATEWAY}.state.{job.state}",
            headers=inject({KIND_HEADER: JOB_KIND}),
        )

    async def publish_progress(self, job_id: str, *, fraction: float, stage: str, attempt: int) -> None:
        """Tells how far the whole job is."""
        event = AnalyzeEvent(job_id=job_id, service=GATEWAY, attempt=attempt, progress=Progress(fraction=fraction, stage=stage))
        event.at.GetCurrentTime()
        await self._bus.publish_event(
            job_id,
            GATEWAY,
            event.SerializeToString(deterministic=True),
            message_id=f"{job_id}.{GATEWAY}.progress.{stage}.{round(fraction * 1000)}",
            headers=inject({}),
        )

    async def watch(
        self, job_id: str, *, after_sequence: int = 0, closing: asyncio.Future[None] | None = None
    ) -> AsyncGenerator[JobEvent, None]:
        """The job's events after a sequence, then live, until its last one.

        The stream is read from its beginning whatever the sequence, so that a segment sent again by a second try of a task is
        recognised, and a watcher that has seen the end already is told so by an empty stream.

        Args:
            job_id: Which job.
            after_sequence: Where the watcher stopped; 0: from the beginning.
            closing: Ends the stream early once done: the gateway is going down.

        Raises:
            NotFoundError: There is no such job.
        """
        ended = is_final(await self._records.get(job_id))
        ending = asyncio.ensure_future(self._records.until_final(job_id))
        seen = _SeenSegments()
        last = after_sequence
        try:
            async with TimedReader(self._bus.events(job_id)) as reader:
                while closing is None or not closing.done():
                    ended = ended or ending.done()
                    wake = [closing] if closing is not None else []
                    event = await reader.next(LAST_EVENT_GRACE_S if ended else None, unless=wake if ended else [*wake, ending])
                    if event is None and not ended:
                        continue
                    if event is None:
                        if closing is None or not closing.done():
                            yield JobEvent(sequence=last, job=await self._records.get(job_id))
                        return
                    told = seen.fresh(event)
                    if told is not None and event.sequence > after_sequence:
                        last = event.sequence
                        yield told
                    if told is not None and told.WhichOneof("event") == "job" and is_final(told.job):
                        return
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)


class _SeenSegments:
    """Turns bus events into job events, without the segments that were there before."""

    def __init__(self) -> None:
        self._next_index: dict[str, int] = {}

    def fresh(self, event: Event) -> JobEvent | None:
        """The event as a watcher gets it; None where it says nothing new."""
        if event.headers.get(KIND_HEADER) == JOB_KIND:
            return JobEvent(sequence=event.sequence, job=Job.FromString(event.payload))
        analysis = AnalyzeEvent.FromString(event.payload)
        if analysis.WhichOneof("event") == "segments":
            first = analysis.segments.first_index
            known = self._next_index.get(analysis.analyzer, 0)
            end = first + len(analysis.segments.segments)
            if end <= known:
                return None
            self._next_index[analysis.analyzer] = end
            if first < known:
                del analysis.segments.segments[: known - first]
                analysis.segments.first_index = known
        return JobEvent(sequence=event.sequence, analysis=analysis)
