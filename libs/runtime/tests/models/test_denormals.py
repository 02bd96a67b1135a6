"""Denormal numbers are zero to a network that runs, and what they are to all else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from reelscope_runtime.models import LoadRequest, Manifest, load_onnx
from reelscope_runtime.models.denormals import can_flush, flushed_denormals

TINY = np.float32(1e-40)

SIDE_BY_SIDE = 2
MANY, RUNS = 2**22, 5
"""Enough numbers for ONNX Runtime to share them among its threads; which of them computes what is chance."""

LOAD = """
import sys
from pathlib import Path
import numpy as np
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.settings import ModelSettings

settings = ModelSettings(folder=Path(sys.argv[1]))
pool = ModelPool(ModelStore(Manifest.load("reelscope_vision"), settings), settings, {"onnx": load_onnx})
with pool.lease("face_detection"):
    print(np.float32(1e-40) * np.float32(1) != 0)
"""


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protobuf message, less than 128 bytes long."""
    return bytes([number << 3, value]) if isinstance(value, int) else bytes([number << 3 | 2, len(value)]) + value


def numbers(name: bytes) -> bytes:
    """A ValueInfoProto: a vector of floats."""
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, field(1, b""))))


DOUBLING = (
    field(1, 8)
    + field(8, field(2, 13))
    + field(
        7,
        field(1, field(1, b"x") + field(1, b"x") + field(2, b"y") + field(4, b"Add"))
        + field(2, b"doubling")
        + field(11, numbers(b"x"))
        + field(12, numbers(b"y")),
    )
)
"""A ModelProto of ONNX: y = x + x."""

pytestmark = pytest.mark.skipif(not can_flush(), reason="computes as always here")


def product() -> float:
    """Of a denormal number and one."""
    return float(TINY * np.float32(1))


def test_they_are_zero_within_and_themselves_before_and_after() -> None:
    assert product() != 0
    with flushed_denormals():
        assert product() == 0
        with flushed_denormals():
            assert product() == 0
        assert product() == 0
    assert product() != 0


def test_they_are_themselves_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), flushed_denormals():
        _ = 1 / 0
    assert product() != 0


def test_they_are_zero_to_all_threads_of_a_network(entry_text: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(DOUBLING)
    # The first session of a process decides for the thread that loads it: let it be one that wants them as they are.
    onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (entry,) = Manifest.parse(entry_text()).entries
    network = load_onnx(LoadRequest(entry, file, 2 * SIDE_BY_SIDE, "cpu"))
    tiny = np.full(MANY, TINY)
    for _ in range(RUNS):
        (doubled,) = network(tiny)
        assert not doubled.view(np.uint32).any()
    assert product() != 0


def test_a_thread_that_loads_a_network_computes_on_as_before(lite_package: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(lite_package)},
        check=True,
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert run.stdout.splitlines()[-1] == "True"
