"""All processes of the stack on this machine, as one asynchronous context."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reelscope_cli.stack.environment import StackOptions, gateway_environment, service_environment
from reelscope_cli.stack.errors import StackError
from reelscope_cli.stack.programs import NatsServer, Program, PythonProgram
from reelscope_cli.stack.supervisor import RestartPolicy, Supervised

READY_TIMEOUT_S = 60.0
"""From the start of the services until the gateway says that all have announced themselves."""

READY_POLL_S = 0.05
GATEWAY = "gateway"


class LocalStack:
    """nats-server, the services and the gateway, on free ports, for as long as the context lasts.

    A process that crashes is started again where it was; `failed` raises once that is given up. Whatever ends this process,
    all of them end with it.

    Args:
        folder: Where its files and logs go.
        options: What it offers.
        policy: When crashed processes are started again.
        on_change: Called when a process was started again or has ended.

    Raises:
        ProcessFailedError: On entering: a process could not be started.
        StackError: On entering: they run, but do not find one another.
    """

    def __init__(
        self,
        folder: Path,
        options: StackOptions | None = None,
        *,
        policy: RestartPolicy | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.options = options or StackOptions()
        self._policy = policy or RestartPolicy()
        self._on_change = on_change
        self._processes: dict[str, Supervised] = {}
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def processes(self) -> list[Supervised]:
        """In the order in which they were started."""
        return list(self._processes.values())

    @property
    def profile(self) -> str:
        """Which models the services run."""
        return self.options.profile or os.environ.get("REELSCOPE_MODELS__PROFILE", "lite")

    @property
    def gateway_url(self) -> str:
        """Where the gateway's HTTP API is."""
        return f"http://127.0.0.1:{self._processes[GATEWAY].ports['http']}"

    @property
    def nats_url(self) -> str:
        """Where the bus is."""
        return f"nats://127.0.0.1:{self._processes['nats'].ports['nats']}"

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as on_failure:
            on_failure.push_async_callback(self.stop)
            await self._start()
            on_failure.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def failed(self) -> None:
        """Waits until a process has been given up; never returns.

        Raises:
            ProcessFailedError: It crashed too often.
        """
        await _first_failure(self._keeping)

    async def stop(self) -> None:
        """Ends all processes: first those that use the bus, then the bus. A cancellation ends them at once."""
        nats = [process for process in self.processes if process.name == NatsServer.name]
        others = [process for process in self.processes if process.name != NatsServer.name]
        try:
            await _cancelled(self._keeping)
            for group in (others, nats):
                await asyncio.gather(*(process.stop(self.options.grace_s) for process in group))
        finally:
            for process in self.processes:
                process.kill()

    async def _start(self) -> None:
        await self._all_ready([self._add(NatsServer(self.folder))])
        programs = [
            PythonProgram(
                service,
                f"reelscope_{service}.main",
                folder=self.folder,
                environment=service_environment(self.options, folder=self.folder, nats_url=self.nats_url),
            )
            for service in self.options.services
        ]
        gateway = PythonProgram(
            GATEWAY,
            "reelscope_gateway.main",
            folder=self.folder,
            environment=gateway_environment(self.options, folder=self.folder, nats_url=self.nats_url),
        )
        await self._all_ready([self._add(program) for program in (*programs, gateway)])
        self._keeping = [asyncio.create_task(process.keep(), name=f"keep-{process.name}") for process in self.processes]
        await self._meanwhile_alive(self._gateway_ready())

    def _add(self, program: Program) -> Supervised:
        log = self.folder / "logs" / f"{program.name}.log"
        process = Supervised(program, log=log, policy=self._policy, on_change=self._on_change)
        self._processes[program.name] = process
        return process

    async def _all_ready(self, processes: Iterable[Supervised]) -> None:
        tasks = [asyncio.create_task(process.start(), name=f"start-{process.name}") for process in processes]
        try:
            await _first_failure(tasks)
        finally:
            await _cancelled(tasks)

    async def _meanwhile_alive(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something that needs every process; raises where one is given up."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, *self._keeping}, return_when=asyncio.FIRST_COMPLETED)
            for keeping in self._keeping:
                if keeping.done():
                    keeping.result()
            task.result()
        finally:
            await _cancelled([task])

    async def _gateway_ready(self) -> None:
        """Waits for the gateway to know every service."""
        from reelscope_cli.client import ReelscopeClient  # noqa: PLC0415 - loaded while the services start up themselves

        async with ReelscopeClient(self.gateway_url) as client, asyncio.timeout(READY_TIMEOUT_S) as limit:
            missing: list[str] = []
            with contextlib.suppress(TimeoutError):
                while missing := await client.missing():  # noqa: ASYNC110 - it happens in another process
                    await asyncio.sleep(READY_POLL_S)
            if limit.expired():
                raise StackError(f"the gateway still misses {', '.join(missing)} after {READY_TIMEOUT_S:.0f} s")


async def _first_failure(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Waits until all are done or one has failed; raises what that one raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
