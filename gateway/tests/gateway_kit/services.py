"""A service as the gateway sees it: announces itself, takes tasks, says what its script says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from reelscope.analysis.v1.analysis_pb2 import (
    AnalyzeEvent,
    AnalyzeRequest,
    AnalyzerInfo,
    AnalyzerResult,
    ListAnalyzersResponse,
    Problem,
    Progress,
    Segment,
    SegmentBatch,
)
from reelscope.vision.v1.details_pb2 import CutDetail
from reelscope_runtime.bus.base import Bus, Delivery
from reelscope_runtime.results import RESULT_KEY_HEADER, ResultStore

SEGMENTS = [
    Segment(start_s=float(number), end_s=number + 1.0, confidence=0.5, cut=CutDetail(kind="hard", frame=number))
    for number in range(4)
]


class FakeService:
    """One service.

    Scripts: "succeed" (in two batches of segments), "half" (coverage 0.5), "not_applicable", "fail", "unavailable",
    "repeat" (every batch twice, as a second try of a task sends them), "lost" (the result is not in the store),
    "silent" (never answers).
    The name "" in the scripts is the task itself: "problem" fails it.

    Attributes:
        requests: What it was asked for.
        taken: Set when a task is in hand.
        cancelled: Jobs that it was told to stop.
    """

    def __init__(self, bus: Bus, name: str, scripts: Mapping[str, str]) -> None:
        self.bus = bus
        self.name = name
        self.scripts = dict(scripts)
        self.requests: list[AnalyzeRequest] = []
        self.taken = asyncio.Event()
        self.cancelled: list[str] = []
        self.heard_cancel = asyncio.Event()

    async def announce(self) -> None:
        infos = [
            AnalyzerInfo(name=name, version="1", available=True, profile="lite", detail="cut") for name in self.scripts if name
        ]
        await self.bus.announce(self.name, ListAnalyzersResponse(analyzers=infos).SerializeToString())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeService]:
        await self.announce()
        source = await self.bus.tasks(self.name, ack_wait_s=5)

        async def work() -> None:
            while True:
                delivery = await source.next(1.0)
                if delivery is not None:
                    await self._handle(delivery)

        async def listen() -> None:
            async for job_id in self.bus.cancels():
                self.cancelled.append(job_id)
                self.heard_cancel.set()

        tasks = [asyncio.create_task(work()), asyncio.create_task(listen())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            await source.close()
            for one in ended:
                if isinstance(one, Exception):
                    raise one

    async def _handle(self, delivery: Delivery) -> None:
        request = AnalyzeRequest.FromString(delivery.payload)
        self.requests.append(request)
        self.taken.set()
        await self._say(request, "started", progress=Progress(stage="started"))
        if self.scripts.get("") == "problem":
            await self._say(request, "problem", problem=Problem(code="media_unreadable", reason="cannot be decoded"))
        else:
            for name in request.analyzers:
                await self._analyze(request, name)
        await delivery.ack()

    async def _analyze(self, request: AnalyzeRequest, name: str) -> None:
        script = self.scripts[name]
        if script == "silent":
            return
        result = AnalyzerResult(analyzer=name, version="1", service=self.name, profile="lite", status="succeeded", coverage=1)
        if script == "half":
            result.coverage = 0.5
        if script in {"fail", "unavailable", "not_applicable"}:
            result.status = {"fail": "failed"}.get(script, script)
            result.coverage = 0
            result.problem.CopyFrom(Problem(code="broken", reason="as scripted"))
            await self._say(request, f"{name}.result", analyzer=name, result=result)
            return
        for attempt in range(2 if script == "repeat" else 1):
            for first in (0, 2):
                batch = SegmentBatch(first_index=first, segments=SEGMENTS[first : first + 2])
                await self._say(request, f"{name}.{attempt}.{first}", analyzer=name, segments=batch)
        await self._say(request, f"{name}.progress", progress=Progress(fraction=0.5, stage="analyzing"))
        key = f"{name}.{request.media.sha256}"
        if script != "lost":
            result.segments.extend(SEGMENTS)
            await ResultStore(self.bus).put(key, result)
            del result.segments[:]
        await self._say(request, f"{name}.result", {RESULT_KEY_HEADER: key}, analyzer=name, result=result)

    async def _say(
        self,
        request: AnalyzeRequest,
        what: str,
        headers: Mapping[str, str] | None = None,
        *,
        analyzer: str = "",
        progress: Progress | None = None,
        segments: SegmentBatch | None = None,
        result: AnalyzerResult | None = None,
        problem: Problem | None = None,
    ) -> None:
        event = AnalyzeEvent(
            job_id=request.job_id,
            service=self.name,
            analyzer=analyzer,
            attempt=1,
            progress=progress,
            segments=segments,
            result=result,
            problem=problem,
        )
        event.at.GetCurrentTime()
        await self.bus.publish_event(
            request.job_id,
            self.name,
            event.SerializeToString(),
            message_id=f"{request.job_id}.{self.name}.{what}",
            headers=headers,
        )
