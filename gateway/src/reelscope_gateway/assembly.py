"""Puts a gateway together from its settings and a bus."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from reelscope_gateway.fetch.downloader import Downloader
from reelscope_gateway.jobs.collector import Collector
from reelscope_gateway.jobs.directory import AnalyzerDirectory
from reelscope_gateway.jobs.ending import JobEnding
from reelscope_gateway.jobs.events import JobEvents
from reelscope_gateway.jobs.fanout import FanOut
from reelscope_gateway.jobs.intake import Intake, Prober
from reelscope_gateway.jobs.queueing import JobQueue
from reelscope_gateway.jobs.records import JobRecords
from reelscope_gateway.jobs.runner import JobRunner, Parts
from reelscope_gateway.jobs.service import JobService, ServiceParts
from reelscope_gateway.jobs.worker import JobWorker
from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_gateway.store.choice import clip_store
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.results import ResultStore


@dataclass(frozen=True, slots=True)
class Gateway:
    """The pieces that a process runs.

    Attributes:
        service: Answers HTTP and gRPC.
        worker: Does the jobs.
        queue: Looks after forgotten ones.
        closing: Set when the process goes down.
    """

    service: JobService
    worker: JobWorker
    queue: JobQueue
    closing: asyncio.Future[None]


def assemble(settings: GatewayRuntimeSettings, bus: Bus, prober: Prober, metrics: Metrics) -> Gateway:
    """Makes a gateway; within a running event loop.

    Raises:
        InvalidRequestError: The settings name a store that is set up incompletely.
    """
    own = settings.gateway
    records = JobRecords(bus)
    events = JobEvents(bus, records)
    ending = JobEnding(records, events, metrics)
    directory = AnalyzerDirectory(bus, expected=own.services, wait_s=own.announce_wait_s)
    store = clip_store(settings, bus)
    intake = Intake(prober, store, max_duration_s=settings.media.max_duration_s)
    queue = JobQueue(bus, records, events)
    runner = JobRunner(
        Parts(
            bus=bus,
            records=records,
            events=events,
            downloader=Downloader(own.fetch, store.incoming.folder, metrics),
            intake=intake,
            ending=ending,
            directory=directory,
            fanout=FanOut(bus, directory),
            collector=Collector(bus, ResultStore(bus), directory, service_lost_s=own.service_lost_s),
            metrics=metrics,
            job_deadline_s=own.job_deadline_s,
        )
    )
    service = JobService(
        ServiceParts(
            bus=bus,
            records=records,
            events=events,
            queue=queue,
            ending=ending,
            directory=directory,
            intake=intake,
            incoming=store.incoming,
            metrics=metrics,
        ),
        own,
    )
    worker = JobWorker(bus, runner, settings=settings.worker, concurrency=own.job_concurrency, metrics=metrics)
    return Gateway(service, worker, queue, asyncio.get_running_loop().create_future())
