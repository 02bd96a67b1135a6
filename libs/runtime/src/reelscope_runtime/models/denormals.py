"""Denormal numbers taken as zero while a network runs.

A tenth of the weights of PP-OCRv6's detector are below 1.2e-38, where training let them die out. An Intel Xeon with AVX-512
multiplies such numbers by microcode: 310 ms for a picture of 416 x 736 on one thread instead of 85, for nothing that a result
would show.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_FLUSH_TO_ZERO, _DENORMALS_ARE_ZERO = 0x8000, 0x0040
"""Bits of MXCSR: of results, and of what is computed with (Intel, Software Developer's Manual, volume 1, 10.2.3)."""


class _FloatingPointEnvironment(ctypes.Structure):
    """`fenv_t` of glibc and musl on x86-64: the x87's environment, then the register of SSE and AVX."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))


def can_flush() -> bool:
    """Whether `flushed_denormals` does anything here: on Linux on x86-64, which is where denormal numbers cost most."""
    return _c_library() is not None


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """The calling thread, and those that it starts, take denormal numbers as zero until it is over.

    To be left in the thread that entered it, with no `await` in between.
    """
    library = _c_library()
    if library is None:
        yield
        return
    before = _FloatingPointEnvironment()
    library.fegetenv(ctypes.byref(before))
    during = _FloatingPointEnvironment.from_buffer_copy(before)
    during.mxcsr |= _FLUSH_TO_ZERO | _DENORMALS_ARE_ZERO
    try:
        library.fesetenv(ctypes.byref(during))
        yield
    finally:
        library.fesetenv(ctypes.byref(before))


@cache
def _c_library() -> ctypes.PyDLL | None:
    """What the process has loaded of it; None where its `fenv_t` is not as above. These calls are too short to let other
    threads have the interpreter for each."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    library = ctypes.PyDLL(None)
    return library if hasattr(library, "fesetenv") else None
