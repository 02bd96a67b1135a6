"""A stack that keeps running: the process that keeps it, and how others find and end that process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelscope_cli.stack.environment import StackOptions
from reelscope_cli.stack.errors import ProcessFailedError, StackError
from reelscope_cli.stack.folders import held
from reelscope_cli.stack.local import LocalStack
from reelscope_cli.stack.procfs import ProcessIdentity
from reelscope_cli.stack.state import StackRecord, read_record, record_of, write_record

DETACH_TIMEOUT_S = 150.0
"""Longer than the stack's own limits: the keeper itself says better what went wrong."""

DETACH_POLL_S = 0.05


class StackRunningError(StackError):
    """There is one already."""

    code = "stack_running"


@dataclass(frozen=True, slots=True)
class KeeperFiles:
    """Where a kept stack's files are.

    Attributes:
        home: The cache folder.
    """

    home: Path

    @property
    def record(self) -> Path:
        """What is written down of it."""
        return self.home / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by the keeper as long as it lives."""
        return self.home / "stack.lock"

    @property
    def folder(self) -> Path:
        """The bus's store, the media and the logs; they outlast the stack, so that finished jobs are there next time."""
        return self.home / "stack"

    @property
    def log(self) -> Path:
        """What a detached keeper prints."""
        return self.folder / "logs" / "keeper.log"


async def keep_stack(files: KeeperFiles, options: StackOptions, on_ready: Callable[[StackRecord], None]) -> None:
    """Runs the stack until this is cancelled.

    Args:
        files: Where it is kept.
        options: What it offers.
        on_ready: Told once everything is ready.

    Raises:
        StackRunningError: Another process keeps one.
        StackError: It can't be started, or a process kept crashing.
    """
    me = ProcessIdentity.of(os.getpid())
    if me is None:
        raise StackError("cannot read /proc/self/stat", retryable=False)
    with held(files.lock) as is_ours:
        if not is_ours:
            other = read_record(files.record)
            where = f" at {other.gateway_url}" if other is not None else ", still starting or stopping"
            raise StackRunningError(f"a stack is running already{where}; `reelscope down` ends it", retryable=False)

        def note_change() -> None:
            write_record(files.record, record_of(stack, me))

        stack = LocalStack(files.folder, options, on_change=note_change)
        try:
            async with stack:
                note_change()
                on_ready(record_of(stack, me))
                await stack.failed()
        finally:
            files.record.unlink(missing_ok=True)


def detach(files: KeeperFiles, arguments: Sequence[str]) -> StackRecord:
    """Starts the keeper as a process of its own, in a session of its own, and waits until its stack is ready.

    Args:
        files: Where it is kept.
        arguments: Of the `reelscope` command that keeps it.

    Raises:
        StackRunningError: Another process keeps one.
        ProcessFailedError: It ended, or was not ready in time.
    """
    if (other := read_record(files.record)) is not None:
        raise StackRunningError(f"a stack is running already at {other.gateway_url}; `reelscope down` ends it", retryable=False)
    files.log.parent.mkdir(parents=True, exist_ok=True)
    with files.log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "reelscope_cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    until = time.monotonic() + DETACH_TIMEOUT_S
    while time.monotonic() < until:
        record = read_record(files.record)
        if record is not None and record.pid == keeper.pid:
            return record
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = keeper.wait(DETACH_POLL_S)
            raise ProcessFailedError("the stack's keeper", f"ended with status {code}", files.log)
    keeper.kill()
    keeper.wait()
    raise ProcessFailedError("the stack's keeper", f"was not ready within {DETACH_TIMEOUT_S:.0f} s", files.log)


def end_stack(record: StackRecord, timeout_s: float) -> bool:
    """Ends a kept stack: asks its keeper to, and kills that where it does not end in time.

    Returns:
        Whether it ended by itself.
    """
    everyone = [process.pid for process in record.processes if process.pid]
    keeper = _open(record.keeper)
    if keeper is None:
        return True
    handles = [keeper, *(handle for pid in everyone if (handle := _open(ProcessIdentity.of(pid))) is not None)]
    try:
        signal.pidfd_send_signal(keeper, signal.SIGTERM)
        ended = _wait(keeper, timeout_s)
        if not ended:
            signal.pidfd_send_signal(keeper, signal.SIGKILL)
        for handle in handles:  # the kernel kills its children with it
            _wait(handle, timeout_s)
        return ended
    finally:
        for handle in handles:
            os.close(handle)


def _open(process: ProcessIdentity | None) -> int | None:
    """A handle that stays with this very process, whatever becomes of its number; None where it is gone."""
    if process is None:
        return None
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if process.is_alive():
        return handle
    os.close(handle)
    return None


def _wait(handle: int, timeout_s: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))
