"""ONNX Runtime with the bundled networks: they load, they run, and their memory comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, OnnxModel, load_onnx
from reelscope_runtime.settings import ModelSettings

DTYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64}

UNLOAD = """
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime
from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.models.memory import resident_bytes
from reelscope_runtime.models.observer import SilentObserver
from reelscope_runtime.settings import ModelSettings

class Observer(SilentObserver):
    freed = 0
    def on_unload(self, name, freed_bytes):
        self.freed += freed_bytes

settings = ModelSettings(folder=Path(sys.argv[1]), idle_ttl_s=1.0)
now = [0.0]
observer = Observer()
pool = ModelPool(
    ModelStore(Manifest.load("reelscope_vision"), settings), settings, {"onnx": load_onnx}, clock=lambda: now[0],
    observer=observer,
)
def use():
    with pool.lease("shot_boundaries") as lease:
        lease.model(np.zeros((1, 100, 27, 48, 3), np.uint8))
        return resident_bytes()
def unload():
    now[0] += 2.0
    assert pool.sweep() == ["transnetv2"]
    return resident_bytes()
use(), unload()  # what the library itself takes once and for all
before = resident_bytes()
loaded = use()
freed_before = observer.freed
after = unload()
reported = observer.freed - freed_before
for _ in range(4):
    use(), unload()
print(json.dumps({"grown": loaded - before, "left": after - before, "reported": reported,
                  "left_after_five": resident_bytes() - before}))
"""


FREE = 64
"""Size of a dimension that a network leaves open: frames, or a side of a picture, which is a multiple of 32 for text."""


@pytest.fixture
def vision(lite_package: Path, settings: ModelSettings) -> ModelPool:
    assert lite_package
    return ModelPool(ModelStore(Manifest.load("reelscope_vision"), settings), settings, {"onnx": load_onnx})


def test_every_bundled_network_of_the_vision_service_runs(vision: ModelPool) -> None:
    lite = [entry for entry in vision.store.manifest.entries if "lite" in entry.profiles]
    assert len(lite) == 13
    for entry in lite:
        with vision.lease(entry.task) as lease:
            model = lease.model
            assert isinstance(model, OnnxModel)
            inputs = [np.zeros([1, *(size or FREE for size in spec.shape[1:])], DTYPES[spec.dtype]) for spec in model.inputs]
            outputs = model(*inputs)
            assert len(outputs) == len(model.outputs)
            assert all(np.isfinite(output).all() for output in outputs), entry.name
            assert lease.info.sha256 == entry.files[0].sha256
            assert lease.info.device == "cpu"


def test_a_model_brings_its_other_files(lite_package: Path, settings: ModelSettings) -> None:
    assert lite_package
    pool = ModelPool(ModelStore(Manifest.load("reelscope_audio"), settings), settings, {"onnx": load_onnx})
    with pool.lease("audio_tagging") as lease:
        classes = lease.model.assets["yamnet_class_map.csv"].read_text(encoding="utf-8").splitlines()
        (scores,) = lease.model.run(["scores"], {"audio": np.zeros((2, 1, 96, 64), np.float32)})
    assert scores.shape == (2, len(classes) - 1)


def test_memory_comes_back_when_a_model_is_unloaded(lite_package: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(lite_package)}
    result = subprocess.run(
        [sys.executable, "-c", UNLOAD, str(tmp_path)], env=environment, capture_output=True, text=True, check=True, timeout=55
    )
    measured = json.loads(result.stdout.splitlines()[-1])

    assert measured["grown"] > 20 * 2**20
    # A tenth may stay in allocators that we do not control; it must not add up.
    assert measured["left"] < 0.1 * measured["grown"]
    assert measured["left_after_five"] < 0.1 * measured["grown"]
    # The observer is told of this one unload.
    assert measured["reported"] == pytest.approx(measured["grown"], rel=0.2)


def test_a_file_that_is_no_network_is_our_own_error(store: ModelStore, settings: ModelSettings) -> None:
    pool = ModelPool(store, settings, {"fake": load_onnx})

    with pytest.raises(ModelUnavailableError, match="onnxruntime cannot load model 'net'"), pool.lease("seeing"):
        pass


def test_a_device_that_is_not_there_is_refused(vision: ModelPool) -> None:
    on_gpu = vision.settings.model_copy(update={"device": "cuda:7"})
    pool = ModelPool(vision.store, on_gpu, {"onnx": load_onnx})

    with pytest.raises(ModelUnavailableError, match="cuda:7"):
        pool.preload("object_detection")


def test_the_models_package_imports_no_compute_library() -> None:
    libraries = ("onnxruntime", "torch", "cv2", "huggingface_hub", "faster_whisper")
    code = f"import sys, reelscope_runtime.models; print([name for name in {libraries} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert result.stdout.strip() == "[]"


def test_a_loaded_network_reports_to_nobody(tmp_path: Path) -> None:
    """Onnxruntime keeps a device id and a queue of events in the user's cache where its telemetry is on."""
    code = (
        "from reelscope_runtime.models import *; from reelscope_runtime.settings import ModelSettings\n"
        "s = ModelSettings()\n"
        "with ModelPool(ModelStore(Manifest.load('reelscope_vision'), s), s, {'onnx': load_onnx}) as pool:\n"
        "    pool.preload('object_detection')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=50)
    assert not list(tmp_path.rglob("*Microsoft*"))
    assert not list(tmp_path.rglob(".onnxruntime"))
