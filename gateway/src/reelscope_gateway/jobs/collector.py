"""Waits for the results of a job's analyzers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from reelscope.analysis.v1.analysis_pb2 import AnalyzeEvent, AnalyzerResult, Problem
from reelscope_gateway.jobs.directory import AnalyzerDirectory
from reelscope_gateway.jobs.events import GATEWAY, service_of
from reelscope_gateway.jobs.fanout import Plan
from reelscope_gateway.jobs.reading import TimedReader
from reelscope_runtime.bus.base import Bus, Event
from reelscope_runtime.results import RESULT_KEY_HEADER, ResultStore

log = structlog.get_logger(__name__)

CHECK_S = 5.0
"""How often the living services are looked at while results are outstanding."""


@dataclass(slots=True)
class Collected:
    """What has come in so far.

    Attributes:
        results: By analyzer.
        fractions: How far each service is with its task.
        service_seconds: By service, from the start of its task to its last result.
    """

    results: dict[str, AnalyzerResult] = field(default_factory=dict)
    fractions: dict[str, float] = field(default_factory=dict)
    service_seconds: dict[str, float] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)

    def fraction(self, plan: Plan) -> float:
        """How far the analysis is: the mean over the analyzers, those without a result at the pace of their service."""
        shares = [
            1.0 if name in self.results else self.fractions.get(service, 0.0)
            for service, names in plan.services.items()
            for name in names
        ]
        return sum(shares) / len(shares) if shares else 1.0

    def time(self, service: str, event: AnalyzeEvent) -> None:
        """Keeps the time of the service's first word and of each result."""
        at = event.at.seconds + event.at.nanos / 1e9
        first = self._started.setdefault(service, at)
        if event.WhichOneof("event") == "result":
            self.service_seconds[service] = max(0.0, at - first)


Report = Callable[[Collected], Awaitable[None]]


class Collector:
    """Reads a job's events until every analyzer has a result.

    Args:
        bus: Where the events are.
        results: Where whole results are.
        directory: Which services are alive.
        service_lost_s: A service that was silent for so long will not answer any more.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        bus: Bus,
        results: ResultStore,
        directory: AnalyzerDirectory,
        *,
        service_lost_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._store = results
        self._directory = directory
        self._service_lost_s = service_lost_s
        self._clock = clock

    async def collect(self, job_id: str, plan: Plan, *, deadline_s: float, report: Report) -> Collected:
        """Every analyzer's result. Those that did not come in time have failed with deadline_exceeded; those of a service that
        is gone are unavailable.

        Args:
            job_id: Which job.
            plan: Who does what.
            deadline_s: How long to wait at most.
            report: Called after each event that changed something.
        """
        collected = Collected(results=dict(plan.unavailable))
        started = checked = self._clock()
        heard: dict[str, float] = dict.fromkeys(plan.services, started)
        async with TimedReader(self._bus.events(job_id)) as reader:
            while missing := plan.analyzers - collected.results.keys():
                left = deadline_s - (self._clock() - started)
                if left <= 0:
                    await self._give_up(job_id, plan, missing, collected, deadline_s)
                    break
                event = await reader.next(min(CHECK_S, left))
                if event is not None and service_of(event) != GATEWAY:
                    heard[service_of(event)] = self._clock()
                    if await self._take(event, plan, collected):
                        await report(collected)
                if self._clock() - checked >= CHECK_S:
                    checked = self._clock()
                    await self._look_for_lost(plan, heard, collected)
        await report(collected)
        return collected

    async def _take(self, event: Event, plan: Plan, collected: Collected) -> bool:
        """Takes an event in; whether it changed anything."""
        service = service_of(event)
        told = AnalyzeEvent.FromString(event.payload)
        kind = told.WhichOneof("event")
        collected.time(service, told)
        if kind == "progress":
            fraction = min(1.0, max(0.0, told.progress.fraction))
            changed = fraction > collected.fractions.get(service, 0.0)
            collected.fractions[service] = max(fraction, collected.fractions.get(service, 0.0))
            return changed
        if kind == "result" and told.result.analyzer in plan.analyzers:
            before = collected.results.get(told.result.analyzer)
            if before is not None and before.status == "succeeded":
                return False  # said again by a second try of the task
            collected.results[told.result.analyzer] = await self._whole(event, told.result, plan)
            return True
        if kind == "problem":
            for name in plan.services.get(service, ()):
                if name not in collected.results:
                    collected.results[name] = plan.lacking(name, "failed", told.problem)
            return True
        return False

    async def _whole(self, event: Event, result: AnalyzerResult, plan: Plan) -> AnalyzerResult:
        """The result with its segments, which the event leaves out."""
        key = event.headers.get(RESULT_KEY_HEADER)
        if not key:
            return result
        whole = await self._store.get(key)
        if whole is None:
            reason = f"the result of {result.analyzer} is not in the store (any more) under {key}; submit the clip again"
            log.warning("result_lost", analyzer=result.analyzer, key=key)
            return plan.lacking(result.analyzer, "failed", Problem(code="result_lost", reason=reason, retryable=True))
        whole.cached = result.cached
        return whole

    async def _look_for_lost(self, plan: Plan, heard: dict[str, float], collected: Collected) -> None:
        """Gives up the analyzers of services that are neither announced nor heard of."""
        living = await self._directory.living()
        for service, names in plan.services.items():
            if service in living:
                heard[service] = self._clock()
                continue
            if self._clock() - heard[service] < self._service_lost_s:
                continue
            log.warning("service_lost", lost=service)
            reason = f"the {service} service was silent for {self._service_lost_s:g} s; start it and submit again"
            problem = Problem(code="unavailable", reason=reason, retryable=True)
            for name in names:
                collected.results.setdefault(name, plan.lacking(name, "unavailable", problem))

    async def _give_up(self, job_id: str, plan: Plan, missing: set[str], collected: Collected, deadline_s: float) -> None:
        log.warning("job_deadline_exceeded", missing=sorted(missing))
        problem = Problem(
            code="deadline_exceeded",
            reason=f"no result within {deadline_s:.0f} s, the time that the job had left (REELSCOPE_GATEWAY__JOB_DEADLINE_S)",
            retryable=True,
        )
        for name in missing:
            collected.results[name] = plan.lacking(name, "failed", problem)
        # Nobody will read what the services still find.
        await self._bus.publish_cancel(job_id)
