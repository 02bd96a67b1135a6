"""The memory of this process, measured, and given back to the operating system."""

from __future__ import annotations

import ctypes
import gc
import os
from functools import cache
from pathlib import Path

_STATM = Path("/proc/self/statm")
_RESIDENT_FIELD = 1


def resident_bytes() -> int:
    """Resident set size of this process; 0 where the system does not tell (no /proc)."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[_RESIDENT_FIELD])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def release_unused() -> None:
    """Collects garbage and has the C library return free memory to the system.

    glibc keeps freed memory in its arenas; without `malloc_trim` an unloaded model would still count as ours.
    """
    gc.collect()
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "malloc_trim") else None
