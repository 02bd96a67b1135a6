"""`reelscope up`, `down` and `status` as a user starts them, with stand-ins for the services."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from stand_ins import NAMES, Fakes, wait_until_gone

from reelscope_cli.exits import Exit
from reelscope_cli.stack.keeper import KeeperFiles, end_stack
from reelscope_cli.stack.procfs import ProcessIdentity, descendants, memory_bytes
from reelscope_cli.stack.state import StackRecord, read_record

GONE_S = 10.0


def reelscope(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reelscope_cli", *arguments], capture_output=True, text=True, timeout=50, check=False
    )


@pytest.fixture
def files(fakes: Fakes, tmp_path: Path) -> Iterator[KeeperFiles]:
    """Of a stack that no test leaves behind."""
    made = KeeperFiles(tmp_path / "cache" / "reelscope")
    yield made
    record = read_record(made.record)
    if record is not None:
        end_stack(record, 0.0)


class Foreground:
    """`reelscope up` in the foreground, ready."""

    def __init__(self, files: KeeperFiles) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reelscope_cli", "up", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        record = read_record(files.record)
        assert record is not None, self.process.communicate(timeout=10)
        self.record: StackRecord = record
        self.handles = [os.pidfd_open(pid) for pid in descendants(self.process.pid)]


@pytest.fixture
def foreground(files: KeeperFiles) -> Iterator[Foreground]:
    started = Foreground(files)
    yield started
    started.process.kill()
    started.process.communicate()


def test_up_says_where_it_is(foreground: Foreground) -> None:
    record = foreground.record
    assert foreground.first_line.split() == ["HTTP", "API", record.gateway_url]
    assert {process.name for process in record.processes} == {"nats", *NAMES}
    assert record.keeper == ProcessIdentity.of(foreground.process.pid)
    assert len(foreground.handles) == len(record.processes)
    assert httpx.get(f"{record.gateway_url}/readyz", trust_env=False).json() == {"status": "ok", "missing": []}
    foreground.process.terminate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_nothing_is_left(foreground: Foreground, files: KeeperFiles, number: signal.Signals) -> None:
    foreground.process.send_signal(number)
    code = foreground.process.wait(GONE_S)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else Exit.OK)
    assert wait_until_gone(foreground.handles, GONE_S)
    assert read_record(files.record) is None
    assert reelscope("status").returncode == Exit.SYSTEM


def test_a_second_one_is_refused(foreground: Foreground) -> None:
    second = reelscope("up")
    assert second.returncode == Exit.BAD_INPUT
    assert f"running already at {foreground.record.gateway_url}" in second.stderr
    foreground.process.terminate()


def test_the_record_follows_a_restart(foreground: Foreground, files: KeeperFiles) -> None:
    vision = next(process for process in foreground.record.processes if process.name == "vision")
    os.kill(vision.pid, signal.SIGKILL)
    assert foreground.process.poll() is None

    def restarted() -> bool:
        record = read_record(files.record)
        assert record is not None
        return any(one.name == "vision" and one.restarts == 1 and one.ready for one in record.processes)

    while not restarted():
        os.sched_yield()
    foreground.process.terminate()


def test_detached_until_down(files: KeeperFiles) -> None:
    up = reelscope("up", "--detach", "--port", "0")
    assert up.returncode == Exit.OK, up.stderr
    record = read_record(files.record)
    assert record is not None
    assert record.gateway_url in up.stdout
    handles = [os.pidfd_open(pid) for pid in (record.pid, *descendants(record.pid))]

    status = reelscope("status", "--json")
    assert status.returncode == Exit.OK, status.stdout
    rows = json.loads(status.stdout)["processes"]
    assert [row["process"] for row in rows] == ["nats", "vision", "audio", "speech", "temporal", "gateway"]
    assert all(row["ready"] and row["memory_bytes"] > 2**20 and row["uptime_s"] > 0 for row in rows)
    table = reelscope("status").stdout
    assert str(record.processes[0].pid) in table

    assert reelscope("up", "--detach").returncode == Exit.BAD_INPUT
    assert reelscope("down").stdout == "stopped\n"
    assert wait_until_gone(handles, GONE_S)
    assert reelscope("down").stdout == "no stack is running\n"


def test_a_detached_start_that_fails_says_why(files: KeeperFiles, fakes: Fakes) -> None:
    fakes.wish("speech", "fail")
    up = reelscope("up", "--detach", "--port", "0")
    assert up.returncode == Exit.SYSTEM
    assert "the speech service has no models" in up.stderr
    assert read_record(files.record) is None


def test_an_analysis_whose_stack_cannot_start_says_why(fakes: Fakes, tmp_path: Path) -> None:
    fakes.wish("audio", "fail")
    clip = tmp_path / "clip.mp4"
    clip.touch()
    ran = reelscope("analyze", str(clip), "--out", str(tmp_path / "out"))
    assert ran.returncode == Exit.SYSTEM
    assert "error: audio ended with status 3 before it was ready" in ran.stderr
    assert "audio | the audio service has no models" in ran.stderr
    assert not list((tmp_path / "cache" / "reelscope" / "runs").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_analysis_that_is_ended_while_it_starts_leaves_nothing(fakes: Fakes, tmp_path: Path, number: signal.Signals) -> None:
    fakes.wish("gateway", "mute")
    clip = tmp_path / "clip.mp4"
    clip.touch()
    running = subprocess.Popen(
        [sys.executable, "-m", "reelscope_cli", "analyze", str(clip), "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(below := descendants(running.pid)) < len(NAMES) + 1:
        assert running.poll() is None
    handles = [os.pidfd_open(pid) for pid in below]
    running.send_signal(number)
    running.communicate(timeout=GONE_S)
    assert running.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert wait_until_gone(handles, GONE_S)


def test_a_service_that_is_stopped_is_not_ready(foreground: Foreground, monkeypatch: pytest.MonkeyPatch) -> None:
    vision = next(process for process in foreground.record.processes if process.name == "vision")
    os.kill(vision.pid, signal.SIGSTOP)
    status = reelscope("status", "--json")
    os.kill(vision.pid, signal.SIGCONT)
    assert status.returncode == Exit.SYSTEM
    assert [row["process"] for row in json.loads(status.stdout)["processes"] if not row["ready"]] == ["vision"]
    foreground.process.terminate()


def test_a_record_of_somebody_elses_process_is_no_stack(tmp_path: Path) -> None:
    me = ProcessIdentity.of(os.getpid())
    assert me is not None
    record = StackRecord(
        pid=me.pid,
        start_ticks=me.start_ticks + 1,
        folder=tmp_path,
        gateway_url="http://127.0.0.1:1",
        gateway_grpc="127.0.0.1:1",
        nats_url="nats://127.0.0.1:1",
        profile="lite",
        version="0",
        processes=(),
    )
    path = tmp_path / "stack.json"
    path.write_text(record.model_dump_json())
    assert read_record(path) is None
    assert end_stack(record, 1.0)
    path.write_text("{")
    assert read_record(path) is None


def test_memory_of_a_process_that_is_gone() -> None:
    assert memory_bytes(2**22 + 1) == 0
    assert memory_bytes(os.getpid()) > 2**20


def test_a_module_is_tied_before_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import sys\nprint(__name__, sys.argv, flush=True)\nsys.stdin.read()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    parent = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'reelscope_cli.stack.tied',\n"
        "                          str(os.getpid()), 'slow_to_import', 'x'],\n"
        "                         stdin=subprocess.PIPE, process_group=0)\n"
        "child.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        handles = [os.pidfd_open(pid) for pid in descendants(running.pid)]
        running.kill()
        assert line.startswith("__main__ [")
        assert line.endswith("slow_to_import.py', 'x']\n")
        assert len(handles) == 1
        assert wait_until_gone(handles, GONE_S)
