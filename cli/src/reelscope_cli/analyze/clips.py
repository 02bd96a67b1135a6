"""What is known of one clip while it is worked on, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzeEvent
from reelscope.gateway.v1.gateway_pb2 import Job, JobEvent
from reelscope_cli.analyze.findings import clock, finding_text
from reelscope_cli.analyze.inputs import Clip
from reelscope_cli.exits import Exit

GATEWAY = "gateway"
PENDING = "pending"


@dataclass(slots=True)
class ClipProgress:
    """How far a clip has come.

    Attributes:
        clip: Which.
        state: The job's, or "waiting" before it was submitted.
        fraction: Of the work, in [0,1].
        analyzers: Status by name, "pending" before there is one.
        findings: The first of each analyzer, as they came.
    """

    clip: Clip
    state: str = "waiting"
    fraction: float = 0.0
    analyzers: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    _found: set[str] = field(default_factory=set)

    @property
    def finished(self) -> int:
        """Analyzers that have a status."""
        return sum(status != PENDING for status in self.analyzers.values())

    def apply(self, event: JobEvent) -> Iterator[str]:
        """Takes an event in; gives what is worth a line."""
        if event.WhichOneof("event") == "job":
            yield from self.apply_job(event.job)
        else:
            yield from self._apply_analysis(event.analysis)

    def apply_job(self, job: Job) -> Iterator[str]:
        """Takes the job's record in."""
        for name, status in job.analyzer_states.items():
            if self.analyzers.get(name, PENDING) == PENDING:
                self.analyzers[name] = status
        self.fraction = max(self.fraction, job.progress)
        if job.state != self.state:
            self.state = job.state
            yield job.state

    def _apply_analysis(self, event: AnalyzeEvent) -> Iterator[str]:
        kind = event.WhichOneof("event")
        if kind == "progress" and event.service == GATEWAY:
            self.fraction = max(self.fraction, event.progress.fraction)
        elif kind == "segments" and event.analyzer not in self._found and event.segments.segments:
            self._found.add(event.analyzer)
            first = event.segments.segments[0]
            self.findings.append(f"{clock(first.start_s)} {event.analyzer}: {finding_text(first)}")
            yield self.findings[-1]
        elif kind == "result":
            known = self.analyzers.get(event.analyzer, PENDING)
            self.analyzers[event.analyzer] = event.result.status
            if known != event.result.status:
                why = f" ({event.result.problem.reason})" if event.result.problem.reason else ""
                yield f"{event.analyzer} {event.result.status}{why}"
        elif kind == "problem":
            yield f"{event.service}: {event.problem.reason}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a clip ended.

    Attributes:
        clip: Which.
        exit: What it means for the exit status.
        job_id: The job; empty where it was refused.
        document: The document, and `path` where it lies; None where there is none.
        path: Where the document lies.
        reason: Why there is none.
    """

    clip: Clip
    exit: Exit
    job_id: str = ""
    document: AnalysisDocument | None = None
    path: Path | None = None
    reason: str = ""
