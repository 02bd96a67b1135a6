"""The whole stack as `reelscope up` starts it, for tests that go through the front door or kill what is behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reelscope_cli.stack.keeper import KeeperFiles
from reelscope_cli.stack.procfs import descendants
from reelscope_cli.stack.state import ProcessRecord, StackRecord, read_record
from reelscope_runtime.settings import ModelSettings

END_TIMEOUT_S = 30.0


def stack_environment(cache: Path) -> dict[str, str]:
    """An environment with a cache of its own; fetched models are shared, or each stack would join 140 MB anew."""
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "REELSCOPE_MODELS__FOLDER": str(ModelSettings().folder)}


class RunningStack:
    """A stack that runs.

    Args:
        keeper: The process that keeps it.
        files: Where it is written down.
    """

    def __init__(self, keeper: subprocess.Popen[str], files: KeeperFiles) -> None:
        self.keeper = keeper
        self._files = files

    @property
    def record(self) -> StackRecord:
        """The stack as it is now: process numbers change when one is started again."""
        record = read_record(self._files.record)
        assert record is not None, "the stack has ended"
        return record

    @property
    def url(self) -> str:
        """The gateway's HTTP API."""
        return self.record.gateway_url

    @property
    def grpc(self) -> str:
        """Address of the gateway's gRPC service."""
        return self.record.gateway_grpc

    @property
    def nats_url(self) -> str:
        """The bus."""
        return self.record.nats_url

    @property
    def folder(self) -> Path:
        """Its files: logs/, media/, nats/."""
        return self.record.folder

    def process(self, name: str) -> ProcessRecord:
        """One process: "nats", "vision", "audio", "speech", "temporal" or "gateway"."""
        return next(process for process in self.record.processes if process.name == name)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signals a process; returns its number."""
        pid = self.process(name).pid
        os.kill(pid, number)
        return pid

    def restarted(self, name: str, old_pid: int) -> bool:
        """Whether another process has taken the place of one, and is ready."""
        process = self.process(name)
        return process.ready and process.pid not in {0, old_pid}

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self.folder / "logs" / f"{name}.log").read_text(errors="replace")

    def tree(self) -> list[int]:
        """All processes below the keeper."""
        return descendants(self.keeper.pid)


@contextmanager
def running_stack(
    *, media: Sequence[Path] = (), environment: Mapping[str, str] | None = None, arguments: Sequence[str] = ()
) -> Iterator[RunningStack]:
    """Starts a stack on free ports with a private cache, and ends it.

    Args:
        media: Folders whose files may be analyzed by path.
        environment: Added settings, e.g. {"REELSCOPE_WORKER__ACK_WAIT_S": "2"}.
        arguments: Added to `reelscope up`.
    """
    with tempfile.TemporaryDirectory(prefix="reelscope-stack-") as cache:
        roots = [part for folder in media for part in ("--media", str(folder))]
        keeper = subprocess.Popen(
            [sys.executable, "-m", "reelscope_cli", "up", "--port", "0", *roots, *arguments],
            env={**stack_environment(Path(cache)), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert keeper.stdout is not None
            if not keeper.stdout.readline():
                raise RuntimeError(f"the stack did not start:\n{keeper.communicate(timeout=END_TIMEOUT_S)[1]}")
            yield RunningStack(keeper, KeeperFiles(Path(cache) / "reelscope"))
        finally:
            keeper.terminate()
            _ended(lambda: keeper.communicate(timeout=END_TIMEOUT_S), keeper)


def _ended(wait: Callable[[], object], keeper: subprocess.Popen[str]) -> None:
    try:
        wait()
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.communicate()
        raise
