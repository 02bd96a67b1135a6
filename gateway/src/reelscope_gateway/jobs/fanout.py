"""Hands a job's analyzers to the services that have them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import cast

from reelscope.analysis.v1.analysis_pb2 import AnalyzeRequest, AnalyzerInfo, AnalyzerResult, Problem
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.jobs.directory import AnalyzerDirectory
from reelscope_runtime.bus.base import Bus, Priority
from reelscope_runtime.tracing import inject

DEFAULT_PRIORITY = "normal"


@dataclass(slots=True)
class Plan:
    """Who does what.

    Attributes:
        services: Analyzers by the service that has them.
        unavailable: Results of the analyzers that no living service has.
        infos: What is known of each analyzer.
    """

    services: dict[str, list[str]] = field(default_factory=dict)
    unavailable: dict[str, AnalyzerResult] = field(default_factory=dict)
    infos: dict[str, AnalyzerInfo] = field(default_factory=dict)

    @property
    def analyzers(self) -> set[str]:
        """Those that are handed out."""
        return {name for names in self.services.values() for name in names}

    def lacking(self, analyzer: str, status: str, problem: Problem) -> AnalyzerResult:
        """The result of an analyzer that has given none."""
        info = self.infos.get(analyzer, AnalyzerInfo())
        return AnalyzerResult(
            analyzer=analyzer,
            version=info.version,
            service=info.service,
            profile=info.profile,
            status=status,
            problem=problem,
        )


class FanOut:
    """Plans and publishes.

    Args:
        bus: Where tasks are queued.
        directory: Who can do what.
    """

    def __init__(self, bus: Bus, directory: AnalyzerDirectory) -> None:
        self._bus = bus
        self._directory = directory

    async def plan(self, job: Job) -> Plan:
        """Groups the job's analyzers by service; waits a little for services that are just starting."""
        infos = await self._directory.settled(job.analyzers)
        living = await self._directory.living()
        plan = Plan(infos=infos)
        for name in job.analyzers:
            service = infos[name].service if name in infos else ""
            if service in living:
                plan.services.setdefault(service, []).append(name)
                continue
            who = f"the {service} service, which has {name}," if service else f"a service that has {name}"
            problem = Problem(code="unavailable", reason=f"{who} is not running; start it and submit again", retryable=True)
            plan.unavailable[name] = plan.lacking(name, "unavailable", problem)
        return plan

    async def publish(self, job: Job, plan: Plan, *, deadline_s: float, done: Container[str]) -> None:
        """Queues one task per service; a service that has answered for all of its analyzers is left alone. Doing it twice is
        doing it once.

        Args:
            job: The job; its media is stored.
            plan: Who does what.
            deadline_s: Time that is left for the work.
            done: Analyzers that have a result already.
        """
        for service, names in plan.services.items():
            if all(name in done for name in names):
                continue
            request = AnalyzeRequest(
                job_id=job.job_id,
                media=job.media,
                analyzers=names,
                profile=job.profile,
                options=job.options,
                deadline_s=deadline_s,
            )
            await self._bus.publish_task(
                service,
                cast("Priority", job.priority or DEFAULT_PRIORITY),
                request.SerializeToString(deterministic=True),
                message_id=f"{job.job_id}.{service}",
                headers=inject({}),
            )
