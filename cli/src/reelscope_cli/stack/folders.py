"""Where stacks keep their files: a folder of its own for each run, removed at its end, whoever was killed when."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reelscope_cli.stack.errors import StackError

_LOCK = ".lock"


def cache_home() -> Path:
    """The user's cache folder for Reelscope; the same as the settings' defaults."""
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "reelscope"


@contextlib.contextmanager
def run_folder(home: Path) -> Iterator[Path]:
    """A private folder for one run, removed at the end; also removes those of runs that were killed.

    Raises:
        StackError: It can't be made.
    """
    runs = home / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        _sweep(runs)
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=runs))
        lock = _lock(folder / _LOCK)
    except OSError as error:
        raise StackError(f"cannot make a folder in {runs}: {error}; set XDG_CACHE_HOME", retryable=False) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Holds a lock file while the context lasts, so that only one process does what it stands for.

    Yields:
        Whether it could be had: False where another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _sweep(runs: Path) -> None:
    """Removes the folders whose owner is gone."""
    for folder in runs.iterdir():
        if not (folder / _LOCK).exists():
            continue  # being made just now
        with held(folder / _LOCK) as is_orphan:
            if is_orphan:
                shutil.rmtree(folder, ignore_errors=True)


def _lock(path: Path) -> int | None:
    """Descriptor that holds the lock; None where another holds it. The kernel frees it if we die; children don't inherit it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
