"""Jobs through a running stack, as tests watch them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Segment
from reelscope.gateway.v1.gateway_pb2 import Job, JobEvent
from reelscope_cli.client import ReelscopeClient

FINAL = frozenset({"succeeded", "failed", "cancelled"})


def distinct_copy(source: Path, target: Path, number: int) -> Path:
    """The same mp4 with other bytes: empty `free` boxes at its end, so that no kept result answers for it."""
    target.write_bytes(source.read_bytes() + b"\x00\x00\x00\x08free" * number)
    return target


class Watched:
    """A job and everything that its event stream told, checked for gaps and doubles as it comes.

    Attributes:
        job: The latest state.
        segments: By analyzer, in the order in which they were found.
    """

    def __init__(self, client: ReelscopeClient, job: Job) -> None:
        self.client = client
        self.job = job
        self.segments: dict[str, list[Segment]] = {}
        self.services: set[str] = set()

    async def run(self, on_event: Callable[[JobEvent], Awaitable[None]] | None = None) -> Job:
        """Watches until the job has ended; `on_event` sees each event."""
        async for event in self.client.watch(self.job.job_id):
            self._take(event)
            if on_event is not None:
                await on_event(event)
            if event.WhichOneof("event") == "job" and event.job.state in FINAL:
                return event.job
        raise AssertionError("the event stream ended before the job")

    async def document(self) -> AnalysisDocument:
        """The job's document."""
        return await self.client.result(self.job.job_id)

    def _take(self, event: JobEvent) -> None:
        if event.WhichOneof("event") == "job":
            self.job = event.job
            return
        analysis = event.analysis
        self.services.add(analysis.service)
        if analysis.HasField("segments"):
            known = self.segments.setdefault(analysis.analyzer, [])
            assert analysis.segments.first_index == len(known), f"{analysis.analyzer}: a gap or a segment told twice"
            known.extend(analysis.segments.segments)


def findings(document: AnalysisDocument) -> dict[str, list[bytes]]:
    """Every segment of every analyzer, comparable."""
    return {
        name: [segment.SerializeToString(deterministic=True) for segment in result.segments]
        for name, result in document.analyzer_results.items()
    }
