"""The whole system from docker-compose.yml: it comes up by itself, describes a clip as the local stack does, and survives."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from reelscope_cli.client import ReelscopeClient
from reelscope_runtime.contract import to_json
from support.compose import ROOT, Compose, inspect
from support.jobs import distinct_copy

# The first test pays for building the images; the others for analyzing the clip with two cores for everything.
pytestmark = pytest.mark.timeout(1500)

DEMO = ROOT / "samples" / "demo.mp4"
SERVICES = ("vision", "audio", "speech", "temporal")
OURS = (*SERVICES, "gateway")
USER = 10001

ACK_WAIT_S = 5
"""How long the task of a service that was killed stays with it; 30 s by default."""
UP_TIMEOUT_S = 240
ANALYZE_TIMEOUT_S = 300.0
CLOSE = 1e-3
"""The same wheels and weights on the same processor: what is left is the order in which threads add up."""

OF_THE_RUN = {"job_id", "video_path", "created_at", "processing_time_seconds", "realtime_factor", "timing", "seconds", "cached"}
"""Fields that tell of a run and not of the clip."""

KILL_ALL = "import os, signal; os.kill(-1, signal.SIGKILL)"
"""Everything in the container but its init and the killer: a crash as an out-of-memory killer makes it. (`docker kill` would
not do: the engine takes that for a person's wish, and does not start the container again.)"""

LOOK_AROUND = """
import json, os
def writable(folder):
    path = os.path.join(folder, "probe")
    try:
        with open(path, "w"):
            pass
    except OSError:
        return False
    os.unlink(path)
    return True
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
folders = ["/", "/usr/local", "/tmp", "/cache", "/media"]
print(json.dumps({
    "uid": os.getuid(),
    "capabilities": int(status["CapBnd"], 16),
    "no_new_privileges": int(status["NoNewPrivs"]),
    "writable": [folder for folder in folders if writable(folder)],
}))
"""

ASK_ALL = f"""
import json, urllib.request
def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()
print(json.dumps({{
    name: [json.loads(get(f"http://{{name}}:9100/readyz"))["status"], get(f"http://{{name}}:9100/metrics")]
    for name in {SERVICES}
}}))
"""


@pytest.fixture(scope="module")
def stack(images: Mapping[str, str]) -> Iterator[Compose]:
    """Up, under a name and on ports of its own; and gone without a trace at the end."""
    tag = images["gateway"].rpartition(":")[2]
    compose = Compose(
        f"reelscope-test-{uuid4().hex[:8]}",
        {
            "REELSCOPE_TAG": tag,
            "REELSCOPE_HTTP_PORT": "0",
            "REELSCOPE_GRPC_PORT": "0",
            "REELSCOPE_WORKER__ACK_WAIT_S": str(ACK_WAIT_S),
        },
    )
    try:
        up(compose)
        yield compose
    finally:
        compose("down", "--volumes", "--timeout", "5")


def up(compose: Compose) -> None:
    """Starts what is not running; returns when all are healthy."""
    try:
        compose("up", "--no-build", "--wait", "--wait-timeout", str(UP_TIMEOUT_S), timeout_s=UP_TIMEOUT_S + 60)
    except AssertionError as error:
        error.add_note(compose("logs", "--no-color", check=False)[-8000:])
        raise


def url_of(stack: Compose) -> str:
    return f"http://{stack.address('gateway', 8080)}"


@pytest.fixture(scope="module")
def local_document(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the stack on this machine, without containers, says of the clip."""
    return analyzed(tmp_path_factory.mktemp("local"))


def analyzed(folder: Path, *options: str) -> Mapping[str, Any]:
    """`reelscope analyze`, as a person runs it."""
    # Without what would make NumPy or our processes compute otherwise than in the containers.
    ours = ("REELSCOPE_", "OPENBLAS_", "OMP_", "MKL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, "-m", "reelscope_cli", "analyze", str(DEMO), "--out", str(folder), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=ANALYZE_TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    document: dict[str, Any] = json.loads((folder / f"{DEMO.stem}.json").read_text(encoding="utf-8"))
    return document


def differences(ours: object, theirs: object, path: str = "") -> Iterator[str]:
    """Where two documents say different things of their clip."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted({*ours, *theirs} - OF_THE_RUN):
            if name not in ours or name not in theirs:
                yield f"{path}/{name}: only in one"
            else:
                yield from differences(ours[name], theirs[name], f"{path}/{name}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"{path}: {len(ours)} and {len(theirs)} entries"
        for index, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            yield from differences(one, other, f"{path}/{index}")
    elif isinstance(ours, float) and isinstance(theirs, (int, float)):
        if not math.isclose(ours, theirs, rel_tol=CLOSE, abs_tol=CLOSE):
            yield f"{path}: {ours} and {theirs}"
    elif ours != theirs:
        yield f"{path}: {ours!r} and {theirs!r}"


def test_only_the_gateway_is_published_and_only_to_this_machine(stack: Compose) -> None:
    published = {}
    for name in ("nats", *OURS):
        ports = stack.container(name)["NetworkSettings"]["Ports"]
        published[name] = {port: [one["HostIp"] for one in hosts] for port, hosts in ports.items() if hosts}
    gateway = published.pop("gateway")
    assert gateway == {"8080/tcp": ["127.0.0.1"], "50051/tcp": ["127.0.0.1"]}
    assert not any(published.values()), published


def test_services_have_no_way_out(stack: Compose) -> None:
    inside, outside = f"{stack.project}_inside", f"{stack.project}_outside"
    assert inspect(inside)["Internal"]
    for name in ("nats", *SERVICES):
        assert set(stack.container(name)["NetworkSettings"]["Networks"]) == {inside}
    assert set(stack.container("gateway")["NetworkSettings"]["Networks"]) == {inside, outside}


@pytest.mark.parametrize("name", OURS)
def test_process_is_confined(name: str, stack: Compose) -> None:
    media = ["/media"] if name == "gateway" else []
    assert stack.python(name, LOOK_AROUND) == {
        "uid": USER,
        "capabilities": 0,
        "no_new_privileges": 1,
        "writable": ["/tmp", "/cache", *media],  # noqa: S108 - in the container
    }


def test_probes_and_metrics_are_there_for_who_is_inside(stack: Compose) -> None:
    for name, (status, metrics) in stack.python("gateway", ASK_ALL).items():
        assert status == "ok", name
        assert "reelscope_" in metrics, name


def test_same_document_as_the_local_stack(stack: Compose, local_document: Mapping[str, Any], tmp_path: Path) -> None:
    document = analyzed(tmp_path, "--gateway", url_of(stack))
    assert list(differences(document, local_document)) == []
    assert document["metadata"]["reconstruction_score"] == pytest.approx(100.0)


async def test_a_service_that_dies_comes_back_and_its_task_is_done(
    stack: Compose, local_document: Mapping[str, Any], tmp_path: Path
) -> None:
    # Other bytes than in the test before, so that no result is taken from the store.
    clip = distinct_copy(DEMO, tmp_path / "demo.mp4", 1)
    attempts: list[int] = []
    async with ReelscopeClient(url_of(stack)) as client:
        job = await client.submit_file(clip)
        async for event in client.watch(job.job_id):
            if event.analysis.service != "vision" or event.analysis.WhichOneof("event") != "progress":
                continue
            if not attempts:
                stack("exec", "--no-TTY", "vision", "python", "-c", KILL_ALL, check=False)
            attempts.append(event.analysis.attempt)
        document = json.loads(to_json(await client.result(job.job_id)))
    assert attempts[0] == 1
    assert attempts[-1] == 2
    assert stack.container("vision")["RestartCount"] == 1
    assert {stack.container(name)["RestartCount"] for name in OURS if name != "vision"} == {0}
    analyzers = ("cut_analysis", "color_analysis", "object_detection")
    for name in analyzers:
        assert list(differences(document["analyzer_results"][name], local_document["analyzer_results"][name])) == []
    assert document["metadata"]["successful_analyzers"] == document["metadata"]["total_analyzers"]


async def test_stops_in_good_order_and_nothing_is_lost(stack: Compose) -> None:
    async with ReelscopeClient(url_of(stack)) as client:
        job = await client.submit_file(DEMO, analyzers=["audio_environment"])
        async for _ in client.watch(job.job_id):
            pass
        before = await client.result(job.job_id)
    stack("stop")
    ends = {name: stack.container(name)["State"]["ExitCode"] for name in ("nats", *OURS)}
    assert ends == dict.fromkeys(ends, 0)
    up(stack)
    async with ReelscopeClient(url_of(stack)) as client:
        assert await client.missing() == []
        assert await client.result(job.job_id) == before
