"""Clips to documents, through a gateway, some at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzeOptions
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_cli.analyze.clips import Outcome
from reelscope_cli.analyze.inputs import Clip
from reelscope_cli.analyze.outputs import write_document, write_export
from reelscope_cli.analyze.progress import ProgressView
from reelscope_cli.analyze.summary import GOOD
from reelscope_cli.client import ReelscopeClient
from reelscope_cli.exits import Exit, exit_for_error, exit_for_problem
from reelscope_runtime.errors import ServiceError

CANCEL_TIMEOUT_S = 2.0
"""What calling a job off may take when we are ending ourselves."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked for, the same for every clip.

    Attributes:
        analyzers: Empty: all.
        profile: Empty: the one that runs.
        priority: Empty: normal.
        language: BCP 47 tag of what is spoken; empty: detected.
        exports: Other forms of each document, e.g. srt.
        in_flight: Jobs at a time: while one is fetched or aggregated, the next one computes.
    """

    analyzers: Sequence[str] = ()
    profile: str = ""
    priority: str = ""
    language: str = ""
    exports: Sequence[str] = ()
    in_flight: int = 2


class Session:
    """Works off clips.

    Args:
        client: The gateway.
        wishes: What is asked for.
        folder: Where documents go.
        view: What is told of it.
        reads_paths: Whether the gateway can read our files: then they are named, else uploaded.
    """

    def __init__(self, client: ReelscopeClient, wishes: Wishes, *, folder: Path, view: ProgressView, reads_paths: bool) -> None:
        self._client = client
        self._wishes = wishes
        self._folder = folder
        self._view = view
        self._reads_paths = reads_paths

    async def run(self, clips: Sequence[Clip]) -> list[Outcome]:
        """Analyzes all; outcomes in the order of the clips. A cancellation calls the running jobs off."""
        turns = asyncio.Semaphore(self._wishes.in_flight)

        async def one(clip: Clip) -> Outcome:
            async with turns:
                outcome = await self._outcome(clip)
            self._view.done(outcome)
            return outcome

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(clip), name=f"clip-{clip.name}") for clip in clips]
        return [task.result() for task in tasks]

    async def _outcome(self, clip: Clip) -> Outcome:
        job_id = ""
        try:
            job = await self._submit(clip)
            job_id = job.job_id
            self._view.submitted(clip, job)
            job = await self._ended(clip, job)
            if job.state == "failed":
                return Outcome(clip, exit_for_problem(job.problem), job_id, reason=job.problem.reason)
            if job.state == "cancelled":
                return Outcome(clip, Exit.SYSTEM, job_id, reason="the job was cancelled")
            document = await self._client.result(job_id)
            path = await asyncio.to_thread(write_document, self._folder, clip.name, document)
            for form in self._wishes.exports:
                await asyncio.to_thread(write_export, self._folder, clip.name, document, form)
        except ServiceError as error:
            return Outcome(clip, exit_for_error(error), job_id, reason=error.reason)
        except OSError as error:
            return Outcome(clip, Exit.BAD_INPUT, job_id, reason=f"cannot read {clip.source}: {error}")
        return Outcome(clip, _exit_for_document(document), job_id, document, path)

    async def _submit(self, clip: Clip) -> Job:
        wishes = self._wishes
        options = AnalyzeOptions(language=wishes.language)
        if clip.path is None:
            submit = self._client.submit_url(
                clip.source, analyzers=wishes.analyzers, profile=wishes.profile, priority=wishes.priority, options=options
            )
        else:
            method = self._client.submit_path if self._reads_paths else self._client.submit_file
            submit = method(
                clip.path, analyzers=wishes.analyzers, profile=wishes.profile, priority=wishes.priority, options=options
            )
        return await submit

    async def _ended(self, clip: Clip, job: Job) -> Job:
        """Watches a job to its end."""
        try:
            async for event in self._client.watch(job.job_id):
                self._view.event(clip, event)
                if event.WhichOneof("event") == "job":
                    job = event.job
        except asyncio.CancelledError:
            with contextlib.suppress(ServiceError, TimeoutError):
                async with asyncio.timeout(CANCEL_TIMEOUT_S):
                    await self._client.cancel(job.job_id)
            raise
        return job


def _exit_for_document(document: AnalysisDocument) -> Exit:
    results = document.analyzer_results.values()
    return Exit.OK if results and all(result.status in GOOD for result in results) else Exit.SOME_FAILED
