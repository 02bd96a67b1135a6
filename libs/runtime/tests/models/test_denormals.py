"""Denormal numbers are zero to a network that runs, and what they are to all else."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from reelscope_runtime.models import OnnxModel
from reelscope_runtime.models.denormals import flushed_denormals

TINY = np.float32(1e-40)

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

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="other processors compute as always"
)


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


def test_they_are_zero_to_a_network() -> None:
    session = SimpleNamespace(
        get_inputs=list,
        get_outputs=list,
        get_modelmeta=lambda: SimpleNamespace(custom_metadata_map={}),
        run=lambda *_: [np.array(product())],
    )
    (seen,) = OnnxModel(session, "cpu", {}).run(None, {})
    assert seen == 0
    assert product() != 0


def test_a_thread_that_loads_a_network_computes_on_as_before(lite_package: Path, tmp_path: Path) -> None:
    assert lite_package
    run = subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "True"
