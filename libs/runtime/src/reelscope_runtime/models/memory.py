"""The memory of this process, measured, and given back to the operating system."""

from __future__ import annotations

import ctypes
import gc
import os
from functools import cache
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Of malloc.h."""

_HEAPS = 2
_LARGE_BYTES = 16 * 2**20
"""What networks take for a moment goes back at once. Pictures of full size, and what is computed on each, come too often: pages
taken anew for them cost 2 s of 28 in a clip of 20 s."""

_SPARE_BYTES = 8 * 2**20
"""Kept at the top of a heap; with 32 MiB a clip takes 70 MB more and as long."""

_STATM = Path("/proc/self/statm")
_RESIDENT_FIELD = 1


def resident_bytes() -> int:
    """Resident set size of this process; 0 where the system does not tell (no /proc)."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[_RESIDENT_FIELD])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def bound_heap() -> None:
    """Has the C library keep little of what is freed; to be called before a process starts threads.

    Left to itself, glibc has a heap for each thread, and takes ever larger blocks from them once one was freed: with the vision
    service's networks and pictures 130 MB more.
    """
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_M_ARENA_MAX, _HEAPS)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _SPARE_BYTES)


def release_unused() -> None:
    """Collects garbage and has the C library return free memory to the system.

    Without this an unloaded model would still count as ours.
    """
    gc.collect()
    release_free()


def release_free() -> None:
    """Has the C library return free memory to the system.

    glibc keeps what is freed between blocks in use.
    """
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
