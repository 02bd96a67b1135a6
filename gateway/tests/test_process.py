"""The gateway as a process: started, killed, stopped; and several at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from gateway_kit.services import FakeService
from gateway_kit.stack import Client, Event, gateway_client, settings_for
from gateway_kit.web import Web

from reelscope.analysis.v1.analysis_pb2 import DeadLetter
from reelscope.gateway.v1.gateway_pb2 import SubmitJobRequest
from reelscope_gateway.assembly import assemble
from reelscope_gateway.jobs.events import JobEvents
from reelscope_gateway.jobs.queueing import JobQueue
from reelscope_gateway.jobs.records import JobRecords
from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.bus.nats import connect
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.settings import NatsSettings
from support.nats_server import NatsServer


class Process:
    """A gateway in a process of its own; its log tells when it serves."""

    def __init__(self, process: subprocess.Popen[bytes], ready: Path) -> None:
        self.process = process
        self._ready = ready
        self._serves: Future[None] = Future()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            sys.stderr.write(line.decode())
            if b'"event": "serving"' in line:
                self._serves.set_result(None)
        if not self._serves.done():
            self._serves.set_exception(RuntimeError("the gateway has ended"))

    async def ports(self) -> dict[str, int]:
        await asyncio.wait_for(asyncio.wrap_future(self._serves), 30)
        return dict(json.loads(self._ready.read_text()))

    async def ended(self) -> int:
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), 20)


@contextmanager
def gateway_process(folder: Path, nats: NatsServer, **environment: str) -> Iterator[Process]:
    ready = folder / f"{uuid4().hex}.json"
    (folder / "clips").mkdir(exist_ok=True)
    own = {
        "REELSCOPE_NATS__URL": nats.url,
        "REELSCOPE_READY_FILE": str(ready),
        "REELSCOPE_PARENT_PID": str(os.getpid()),
        "REELSCOPE_MEDIA__ROOT": str(folder / "media"),
        "REELSCOPE_GATEWAY__MEDIA_ROOTS": json.dumps([str(folder / "clips")]),
        "REELSCOPE_GATEWAY__SERVICES": '["vision"]',
        "REELSCOPE_GATEWAY__FETCH__ALLOW_PRIVATE_HOSTS": "true",
        "REELSCOPE_WORKER__ACK_WAIT_S": "1.5",
        "REELSCOPE_WORKER__DRAIN_S": "3",
        "REELSCOPE_LOG__FORMAT": "json",
    }
    command = [sys.executable, "-m", "reelscope_gateway.main"]
    process = subprocess.Popen(command, env={**os.environ, **own, **environment}, stderr=subprocess.PIPE)
    try:
        yield Process(process, ready)
    finally:
        process.kill()
        process.wait()


class Remote(Client):
    """A client of a gateway elsewhere."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http


@pytest.fixture
async def silent(bus: Bus) -> AsyncIterator[FakeService]:
    async with FakeService(bus, "vision", {"cut_analysis": "silent"}).running() as service:
        yield service


def client_of(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30)


async def answer_for(service: FakeService) -> None:
    """Has the silent service answer after all."""
    service.scripts["cut_analysis"] = "succeed"
    await service._analyze(service.requests[0], "cut_analysis")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_job_outlives_its_gateway(
    tmp_path: Path, clips: Path, nats: NatsServer, silent: FakeService, how: signal.Signals
) -> None:
    with gateway_process(tmp_path, nats) as first, gateway_process(tmp_path, nats) as second:
        (tmp_path / "clips" / "clip.mp4").write_bytes((clips / "clip.mp4").read_bytes())
        by_pid = {(await one.ports())["pid"]: one for one in (first, second)}
        ports = {one: await one.ports() for one in (first, second)}
        async with client_of(ports[first]["http"]) as http:
            job = await Remote(http).submit(path="clip.mp4")
        await asyncio.wait_for(silent.taken.wait(), 15)
        holder = by_pid[await _holder(ports)]
        other = second if holder is first else first
        holder.process.send_signal(how)
        assert await holder.ended() == (0 if how == signal.SIGTERM else -how)
        await answer_for(silent)
        async with client_of(ports[other]["http"]) as http:
            remote = Remote(http)
            assert (await remote.finished(job["job_id"]))["state"] == "succeeded"
            document = await remote.document(job["job_id"])
        assert len(document["analyzer_results"]["cut_analysis"]["segments"]) == 4
        assert len(silent.requests) == 1, "the task was handed out twice"
        other.process.send_signal(signal.SIGTERM)
        assert await other.ended() == 0


async def _holder(ports: dict[Process, dict[str, int]]) -> int:
    """Which gateway works on the job."""
    for one in ports.values():
        async with client_of(one["http"]) as http:
            if "reelscope_jobs_running 1.0" in (await http.get("/metrics")).text:
                return one["pid"]
    raise AssertionError("nobody works on the job")


async def test_a_job_whose_only_gateway_died_is_finished_after_its_restart(
    tmp_path: Path, clips: Path, nats: NatsServer, silent: FakeService
) -> None:
    with gateway_process(tmp_path, nats) as first:
        (tmp_path / "clips" / "clip.mp4").write_bytes((clips / "clip.mp4").read_bytes())
        async with client_of((await first.ports())["http"]) as http:
            job = await Remote(http).submit(path="clip.mp4")
        await asyncio.wait_for(silent.taken.wait(), 15)
        first.process.kill()
        await first.ended()
    await answer_for(silent)
    with gateway_process(tmp_path, nats) as second:
        async with client_of((await second.ports())["http"]) as http:
            assert (await Remote(http).finished(job["job_id"]))["state"] == "succeeded"


async def test_a_job_outlives_the_bus(
    settings: GatewayRuntimeSettings, nats: NatsServer, bus: Bus, host: MediaHost, silent: FakeService
) -> None:
    async with gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
        await asyncio.wait_for(silent.taken.wait(), 10)
        watching = asyncio.create_task(client.finished(job["job_id"]))
        nats.kill()
        answer = await client.http.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, ["bus"])
        await asyncio.to_thread(nats.start)
        await answer_for(silent)
        assert (await watching)["state"] == "succeeded"


async def test_a_killed_gateway_takes_its_downloads_with_it(
    tmp_path: Path, nats: NatsServer, silent: FakeService, web: Web
) -> None:
    with gateway_process(tmp_path, nats) as gateway:
        async with client_of((await gateway.ports())["http"]) as http:
            await Remote(http).submit(url=f"{web.url}/slow.mp4")
        assert await asyncio.to_thread(web.asked.wait, 20)
        child = next(pid for pid in _descendants(gateway.process.pid) if "fetch.child" in _command(pid))
        exit_of_child = os.pidfd_open(child)
        gateway.process.kill()
        await gateway.ended()
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(exit_of_child, ended.set)
        await asyncio.wait_for(ended.wait(), 5)
        asyncio.get_running_loop().remove_reader(exit_of_child)
        os.close(exit_of_child)


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _descendants(int(child))


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


async def test_a_gateway_that_cannot_start_says_why(tmp_path: Path, nats: NatsServer) -> None:
    with gateway_process(tmp_path, nats, REELSCOPE_GATEWAY__STORE="s3") as gateway:
        assert await gateway.ended() == 3


async def test_many_gateways_share_the_work(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, vision: FakeService, audio: FakeService
) -> None:
    async with (
        gateway_client(settings, bus, host) as one,
        gateway_client(settings, bus, host) as two,
    ):
        jobs = await asyncio.gather(*(client.submit(path="clip.mp4") for client in (one, two) for _ in range(4)))
        ended = await asyncio.gather(*(two.finished(job["job_id"]) for job in jobs))
        assert {job["state"] for job in ended} == {"succeeded"}
        for job in jobs:
            events: list[Event] = [event async for event in one.events(job["job_id"])]
            states = [event.data["state"] for event in events if event.kind == "job"]
            assert states == ["queued", "analyzing", "succeeded"]
    assert len(vision.requests) == len(jobs)


async def test_a_job_that_kills_its_gateways_is_written_off(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, silent: FakeService
) -> None:
    """Each try ends with the process: the task comes back without an answer, until it has come too often."""
    gateway = assemble(settings, bus, host, Metrics())
    records = JobRecords(bus)
    request = SubmitJobRequest(path="clip.mp4")
    job = await gateway.service.submit(request)
    source = await bus.tasks("gateway", ack_wait_s=1)
    for attempt in range(1, settings.worker.max_deliver + 1):
        delivery = await source.next(10)
        assert delivery is not None
        assert delivery.attempt == attempt
        await delivery.nak()
    await source.close()
    watching = asyncio.create_task(records.until_final(job.job_id))
    working = asyncio.create_task(gateway.worker.run())
    await asyncio.wait_for(watching, 20)
    gateway.worker.drain()
    await working
    ended = await records.get(job.job_id)
    assert (ended.state, ended.problem.code) == ("failed", "max_deliver")
    letters: list[DeadLetter] = [letter async for letter in bus.dead_letters()]
    assert [letter.message_id for letter in letters] == [f"{job.job_id}.job"]


async def test_a_job_that_was_never_queued_is_found(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, silent: FakeService
) -> None:
    """A gateway that died between the record and the queue."""
    gateway = assemble(settings, bus, host, Metrics())
    job = await gateway.service.submit(SubmitJobRequest(path="clip.mp4"))
    record = await bus.jobs.get(job.job_id)
    assert record is not None
    assert record.value is not None
    orphan = "01890000-0000-7000-8000-000000000000"
    await bus.jobs.create(orphan, record.value.replace(job.job_id.encode(), orphan.encode()))
    records = JobRecords(bus)
    queue = JobQueue(bus, records, JobEvents(bus, records))
    assert await queue.requeue(0, 1_700_000_000) == 1
    source = await bus.tasks("gateway", ack_wait_s=5)
    payloads = {(await _taken(source)).decode() for _ in range(2)}
    assert payloads == {job.job_id, orphan}
    await source.close()


async def _taken(source: Any) -> bytes:
    delivery = await source.next(5)
    assert delivery is not None
    await delivery.ack()
    return bytes(delivery.payload)


async def test_a_service_that_is_gone_is_given_up(tmp_path: Path, clips: Path, nats: NatsServer, host: MediaHost) -> None:
    bus = await connect(NatsSettings(url=nats.url), announcement_ttl_s=1)
    settings = settings_for(tmp_path, services=("vision",), service_lost_s=0.5)
    (tmp_path / "clips" / "clip.mp4").write_bytes((clips / "clip.mp4").read_bytes())
    await FakeService(bus, "vision", {"cut_analysis": "succeed"}).announce()
    async with gateway_client(settings, bus, host) as client:
        job = await client.submit(path="clip.mp4")
        assert (await client.finished(job["job_id"]))["state"] == "succeeded"
        result = (await client.document(job["job_id"]))["analyzer_results"]["cut_analysis"]
        assert (result["status"], result["problem"]["code"]) == ("unavailable", "unavailable")
        # Known, though nobody has it now: unavailable, not unknown.
        job = await client.submit(path="clip.mp4", analyzers=["cut_analysis"])
        assert (await client.finished(job["job_id"]))["analyzer_states"] == {"cut_analysis": "unavailable"}
    await bus.close()
