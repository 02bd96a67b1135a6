"""Child processes that never outlive their parent and never stay as zombies.

The kernel's PR_SET_PDEATHSIG fires when the *thread* that started the child ends (prctl(2)), so every child is started by
one thread that lives as long as the process does. Each child has a process group of its own and a thread that reaps it the
moment it ends, whoever killed it.

A Python child calls `die_with_parent` first thing in its main. Other programs are started through this module:
`python -m reelscope_runtime.process PARENT_PID PROGRAM ARGUMENTS…`, see `guarded`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import IO, Self

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


def die_with_parent(parent_pid: int) -> None:
    """Has this process killed when its parent ends; call it in the child, as early as possible.

    Args:
        parent_pid: Who started this process. If it is gone already, this process exits at once; 0: do nothing.

    Raises:
        OSError: The kernel refused (not Linux).
    """
    if parent_pid == 0:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        os._exit(1)


def guarded(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` so that it dies with this process, for programs that are not ours."""
    return [sys.executable, "-m", "reelscope_runtime.process", str(os.getpid()), *command]


class _Spawner:
    """The thread that starts all children of this process.

    It is a daemon: it ends with the process itself, not before the exit handlers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._orders: queue.SimpleQueue[_Order] = queue.SimpleQueue()

    def start(self, order: _Order) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._owner != os.getpid():  # first use, or after a fork, which copies no threads
                self._owner = os.getpid()
                self._orders = queue.SimpleQueue()
                thread = threading.Thread(target=_serve, args=(self._orders,), name="spawner", daemon=True)
                thread.start()
            self._orders.put(order)
        return order.started.result()


class _Order:
    """One child to start."""

    def __init__(
        self, command: Sequence[str], stdin: int, stdout: int | None, stderr: int | None, env: Mapping[str, str] | None
    ) -> None:
        self.command = list(command)
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.env = env
        self.started: Future[subprocess.Popen[bytes]] = Future()


def _serve(orders: queue.SimpleQueue[_Order]) -> None:
    while True:
        order = orders.get()
        try:
            process = subprocess.Popen(
                order.command,
                stdin=order.stdin,
                stdout=order.stdout,
                stderr=order.stderr,
                env=None if order.env is None else dict(order.env),
                process_group=0,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            order.started.set_exception(error)
        else:
            order.started.set_result(process)


_SPAWNER = _Spawner()
"""One for the process: the kernel ties a child to the thread that started it, and this is that thread."""


class Child:
    """A running child. It is reaped by itself as soon as it ends; leaving the context kills it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.pid = process.pid
        self.stdin: IO[bytes] | None = process.stdin
        self.stdout: IO[bytes] | None = process.stdout
        threading.Thread(target=self._reap, name=f"reaper-{self.pid}", daemon=True).start()

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            # Until it is waited for, its number can't be given to another group: what it started goes with it.
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._ended.set()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.returncode if self._ended.is_set() else None

    def send_signal(self, number: int) -> None:
        """Signals the child's whole group; nothing happens once it has ended."""
        with self._lock:
            if self._process.returncode is None:
                self._signal(number)

    def kill(self) -> None:
        """Kills the child's whole group at once. May be called from any thread, any number of times."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Waits for the end.

        Returns:
            The exit status, negative for a signal; None where it still runs after `timeout_s`.
        """
        self._ended.wait(timeout_s)
        return self.returncode

    def close(self) -> None:
        """Kills it, waits until it is reaped and closes its pipes."""
        self.kill()
        self.wait()
        for pipe in (self.stdin, self.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def spawn(
    command: Sequence[str],
    *,
    stdin: int = subprocess.PIPE,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Child:
    """Starts a child in a process group of its own; may be called from any thread.

    Args:
        command: Program and arguments. A program that does not call `die_with_parent` itself goes through `guarded`.
        stdin: As for subprocess.Popen.
        stdout: As for subprocess.Popen.
        stderr: As for subprocess.Popen.
        env: Its environment; None: ours.

    Raises:
        OSError: The program can't be started.
    """
    return Child(_SPAWNER.start(_Order(command, stdin, stdout, stderr, env)))


def spawn_module(
    module: str,
    arguments: Sequence[str] = (),
    *,
    stdin: int = subprocess.PIPE,
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Child:
    """Starts `python -m module arguments…`; the module's main must call `die_with_parent`."""
    return spawn([sys.executable, "-m", module, *arguments], stdin=stdin, stdout=stdout, stderr=stderr, env=env)


def main() -> None:
    """Becomes the program named on the command line, tied to the given parent; the tie survives exec (prctl(2))."""
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the point of this entry is to become that program


if __name__ == "__main__":
    main()
