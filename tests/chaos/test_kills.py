"""Whatever is killed in the middle of a job: the job completes, nothing is lost, nothing is told twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope.gateway.v1.gateway_pb2 import JobEvent
from reelscope_cli.client import ReelscopeClient
from reelscope_cli.stack.environment import SERVICES, StackOptions
from reelscope_cli.stack.local import LocalStack
from support.jobs import Watched, distinct_copy, findings

DEMO = Path(__file__).resolve().parents[2] / "samples" / "demo.mp4"
ACK_WAIT_S = "3"
"""Instead of 30 s: how long a killed worker's task waits for another."""

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # Four services on two cores, a job, a kill and a second try.
    pytest.mark.timeout(240),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    folder = tmp_path_factory.mktemp("stack")
    clips = tmp_path_factory.mktemp("clips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REELSCOPE_WORKER__ACK_WAIT_S", ACK_WAIT_S)
        async with LocalStack(folder, StackOptions(media_roots=[clips])) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(stack: LocalStack) -> AsyncIterator[ReelscopeClient]:
    async with ReelscopeClient(stack.gateway_url) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def undisturbed(stack: LocalStack) -> AnalysisDocument:
    """What the clip's analysis says when nobody disturbs it."""
    async with ReelscopeClient(stack.gateway_url) as client:
        watched = await submit(client, stack, 1)
        assert (await watched.run()).state == "succeeded"
        return await watched.document()


async def submit(client: ReelscopeClient, stack: LocalStack, number: int) -> Watched:
    clip = distinct_copy(DEMO, Path(stack.options.media_roots[0]) / f"{number}.mp4", number)
    return Watched(client, await client.submit_path(clip))


def kill(stack: LocalStack, name: str) -> int:
    (pid,) = [process.pid for process in stack.processes if process.name == name]
    os.kill(pid, signal.SIGKILL)
    return pid


async def running_tasks(probes: httpx.AsyncClient, port: int) -> float:
    """What a service says of the tasks that it has in hand."""
    text = (await probes.get(f"http://127.0.0.1:{port}/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("reelscope_tasks_running{")]
    return sum(float(line.split()[-1]) for line in lines)


@pytest.mark.parametrize("victim", ["vision", "audio", "speech", "temporal", "nats", "gateway"])
async def test_a_kill_in_the_middle_of_a_job_loses_and_doubles_nothing(
    victim: str, stack: LocalStack, client: ReelscopeClient, undisturbed: AnalysisDocument
) -> None:
    watched = await submit(client, stack, 10 + ["vision", "audio", "speech", "temporal", "nats", "gateway"].index(victim))
    killed: list[int] = []

    async def kill_in_the_middle(event: JobEvent) -> None:
        analysis = event.analysis
        in_hand = analysis.service == victim if victim not in {"nats", "gateway"} else analysis.HasField("segments")
        if in_hand and not analysis.HasField("result") and not killed:
            killed.append(kill(stack, victim))

    job = await asyncio.wait_for(watched.run(kill_in_the_middle), 200)
    assert killed, "nothing was killed"
    assert job.state == "succeeded", job.problem
    document = await watched.document()
    assert {result.status for result in document.analyzer_results.values()} == {"succeeded"}
    assert document.metadata.reconstruction_score == 100.0
    assert findings(document) == findings(undisturbed)
    told = {name: len(segments) for name, segments in watched.segments.items()}
    assert told == {name: len(result.segments) for name, result in document.analyzer_results.items() if result.segments}


async def test_a_cancelled_job_stops_within_two_seconds(stack: LocalStack, client: ReelscopeClient) -> None:
    watched = await submit(client, stack, 30)
    cancelled_at: list[float] = []
    loop = asyncio.get_running_loop()

    async def cancel_in_the_middle(event: JobEvent) -> None:
        if event.analysis.service == "vision" and not cancelled_at:
            await client.cancel(watched.job.job_id)
            cancelled_at.append(loop.time())

    job = await asyncio.wait_for(watched.run(cancel_in_the_middle), 60)
    assert job.state == "cancelled"
    ports = [process.ports["http"] for process in stack.processes if process.name in SERVICES]
    async with httpx.AsyncClient(trust_env=False) as probes:
        while any([await running_tasks(probes, port) for port in ports]):
            assert loop.time() - cancelled_at[0] < 2.0, "somebody still works on it"
    assert loop.time() - cancelled_at[0] < 2.0
    # Whoever comes next does not wait behind the cancelled work.
    following = await submit(client, stack, 31)
    first: list[float] = []

    async def note(event: JobEvent) -> None:
        if event.analysis.service == "vision" and not first:
            first.append(loop.time())

    assert (await asyncio.wait_for(following.run(note), 120)).state == "succeeded"
    assert first[0] - cancelled_at[0] < 5.0
