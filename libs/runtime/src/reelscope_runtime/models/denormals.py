"""Denormal numbers taken as zero while a network runs.

A tenth of the weights of PP-OCRv6's detector are below 1.2e-38, where training let them die out. An Intel processor multiplies
such numbers by microcode: 310 ms a picture instead of 85, for nothing that a result would show.
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


class _Environment(ctypes.Structure):
    """`fenv_t` of glibc and musl on x86-64: the x87's environment, then the register of SSE and AVX."""

    _fields_ = (("x87", ctypes.c_uint32 * 7), ("mxcsr", ctypes.c_uint32))


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """The calling thread, and those that it starts, take denormal numbers as zero until it is over.

    Other processors and systems compute as always; most of them are as fast with denormal numbers as with others.
    """
    libm = _libm()
    if libm is None:
        yield
        return
    before = _Environment()
    libm.fegetenv(ctypes.byref(before))
    during = _Environment.from_buffer_copy(before)
    during.mxcsr |= _FLUSH_TO_ZERO | _DENORMALS_ARE_ZERO
    libm.fesetenv(ctypes.byref(during))
    try:
        yield
    finally:
        libm.fesetenv(ctypes.byref(before))


@cache
def _libm() -> ctypes.CDLL | None:
    """The C library's, which Python is linked with; None where an environment of its is not as we know it."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "fesetenv") else None
