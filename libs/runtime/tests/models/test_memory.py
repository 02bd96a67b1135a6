from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Blocks below glibc's threshold for mmap, with one left above them: free() alone returns none of them to the system.
FRAGMENTED = """
import ctypes, json
from reelscope_runtime.models.memory import release_unused, resident_bytes

libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
size, count = 64 * 1024, 1600
release_unused()
before = resident_bytes()
blocks = [libc.malloc(size) for _ in range(count)]
plug = libc.malloc(size)
for block in blocks:
    ctypes.memset(block, 1, size)
allocated = resident_bytes()
for block in blocks:
    libc.free(block)
freed = resident_bytes()
release_unused()
print(json.dumps({"grown": allocated - before, "kept": freed - before, "left": resident_bytes() - before}))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="measures with /proc")
def test_memory_that_the_c_library_keeps_is_returned() -> None:
    result = subprocess.run([sys.executable, "-c", FRAGMENTED], capture_output=True, text=True, check=True, timeout=30)
    measured = json.loads(result.stdout)

    assert measured["grown"] > 90 * 2**20
    assert measured["kept"] > 90 * 2**20
    assert measured["left"] < 5 * 2**20


# What is freed once raises the threshold from which glibc gives blocks back at once: the second block stays in the heap then.
GROWING = """
import ctypes, json, sys
from reelscope_runtime.models.memory import bound_heap, resident_bytes

libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
if sys.argv[1] == "bounded":
    bound_heap()
size = 24 * 2**20
libc.free(libc.malloc(size))
before = resident_bytes()
block, plug = libc.malloc(size), libc.malloc(64 * 1024)
ctypes.memset(block, 1, size)
libc.free(block)
print(json.dumps(resident_bytes() - before))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="measures with /proc")
@pytest.mark.parametrize(("how", "keeps"), [("bounded", False), ("unbounded", True)])
def test_large_blocks_go_back_at_once(how: str, keeps: bool) -> None:
    result = subprocess.run([sys.executable, "-c", GROWING, how], capture_output=True, text=True, check=True, timeout=30)
    assert (json.loads(result.stdout) > 20 * 2**20) == keeps
