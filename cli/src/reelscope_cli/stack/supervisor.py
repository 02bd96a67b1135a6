"""One process of the stack: started, waited for, started again when it crashes, stopped and always reaped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from reelscope_cli.stack.errors import ProcessFailedError, StackError
from reelscope_cli.stack.programs import Ports, Program
from reelscope_runtime.process import Child, spawn

POLL_S = 0.02
"""How often a starting process's ready file is looked for; its end is noticed at once."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a crashed process is started again, and when that is given up.

    Attributes:
        start_timeout_s: Time from its start until it must be ready.
        first_delay_s: Before the first restart; doubled for each further crash within the window.
        max_delay_s: Longest such delay.
        max_crashes: Crashes within the window after which it is given up.
        window_s: How far back crashes count.
    """

    start_timeout_s: float = 60.0
    first_delay_s: float = 0.2
    max_delay_s: float = 5.0
    max_crashes: int = 5
    window_s: float = 60.0


class Supervised:
    """Keeps one program running.

    Args:
        program: What to run.
        log: File that its output is appended to.
        policy: When it is started again.
        on_change: Called after it was started again or has ended.
        clock: Seconds, for counting crashes.
    """

    def __init__(
        self,
        program: Program,
        *,
        log: Path,
        policy: RestartPolicy,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = program.name
        self.log = log
        self.ports: Ports = {}
        self.is_ready = False
        self.restarts = 0
        self.started_at = 0.0
        self._program = program
        self._policy = policy
        self._on_change = on_change
        self._clock = clock
        self._child: Child | None = None
        self._ended: asyncio.Future[int] | None = None
        self._crashes: deque[float] = deque()

    @property
    def pid(self) -> int:
        """Number of the running process; 0 while there is none."""
        return self._child.pid if self._child is not None and self._child.returncode is None else 0

    async def start(self) -> None:
        """Starts it and waits until it is ready.

        Raises:
            ProcessFailedError: It can't be started, ends, or is not ready in time.
        """
        if (what := await self._try()) is not None:
            raise ProcessFailedError(self.name, what, self.log)

    async def keep(self) -> NoReturn:
        """Starts it again whenever it ends, until this is cancelled. Call after `start`.

        Raises:
            ProcessFailedError: It crashed too often.
        """
        what = await self._end()
        while True:
            now = self._clock()
            self._crashes.append(now)
            while self._crashes[0] < now - self._policy.window_s:
                self._crashes.popleft()
            if len(self._crashes) >= self._policy.max_crashes:
                times = f"{len(self._crashes)} times within {self._policy.window_s:.0f} s"
                raise ProcessFailedError(self.name, f"crashed {times}; the last time it {what}", self.log)
            self._on_change()
            doublings = len(self._crashes) - 1
            await asyncio.sleep(min(self._policy.first_delay_s * 2**doublings, self._policy.max_delay_s))
            self.restarts += 1
            failure = await self._try()
            self._on_change()
            what = failure if failure is not None else await self._end()

    async def stop(self, grace_s: float) -> None:
        """Asks it to end; kills it where it does not within the grace period, or where this is cancelled."""
        child, ended = self._child, self._ended
        if child is None or ended is None:
            return
        try:
            child.send_signal(signal.SIGTERM)
            await asyncio.wait({ended}, timeout=grace_s)
        finally:
            self.is_ready = False
            child.close()

    def kill(self) -> None:
        """Ends it at once and reaps it."""
        if self._child is not None:
            self._child.close()

    async def _try(self) -> str | None:
        """Starts it; what went wrong, None where it is ready."""
        try:
            child, ended = self._spawn()
        except StackError as error:
            return error.reason
        except OSError as error:
            return f"cannot be started: {error}"
        until = time.monotonic() + self._policy.start_timeout_s
        while not ended.done():
            ports = self._program.ready(child.pid)
            if ports is not None:
                self.ports = ports
                self.is_ready = True
                return None
            if time.monotonic() >= until:
                child.close()
                return f"was not ready within {self._policy.start_timeout_s:.0f} s"
            await asyncio.wait({ended}, timeout=POLL_S)
        return f"{_ending(ended.result())} before it was ready"

    async def _end(self) -> str:
        """Waits for the running process to end; says how it did."""
        if self._ended is None:
            raise StackError(f"{self.name} was never started")
        code = await asyncio.shield(self._ended)
        self.is_ready = False
        return _ending(code)

    def _spawn(self) -> tuple[Child, asyncio.Future[int]]:
        launch = self._program.launch(self.ports)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            child = spawn(
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=output.fileno(),
                stderr=output.fileno(),
                env={**os.environ, **launch.environment},
            )
        self._child, self._ended = child, _end_of(child)
        self.started_at = time.time()
        return child, self._ended


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def _end_of(child: Child) -> asyncio.Future[int]:
    """The child's exit status, once it has one; a thread waits for it, for the kernel has no better way to tell asyncio."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()

    def tell(code: int) -> None:
        if not future.done():
            future.set_result(code)

    def wait() -> None:
        code = child.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, code if code is not None else 0)

    threading.Thread(target=wait, name=f"end-of-{child.pid}", daemon=True).start()
    return future
