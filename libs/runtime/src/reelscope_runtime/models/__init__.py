"""Models: which there are (`manifest`), that their files are the right ones (`store`), and loaded ones to lease (`pool`)."""

from reelscope_runtime.models.availability import unavailable_reason
from reelscope_runtime.models.manifest import Manifest, ManifestError, ModelEntry, ModelFile
from reelscope_runtime.models.observer import PoolObserver, SilentObserver
from reelscope_runtime.models.onnx import OnnxModel, TensorSpec, load_onnx
from reelscope_runtime.models.parts import FetchProgress, Progress
from reelscope_runtime.models.pool import Lease, Loader, LoadRequest, ModelPool
from reelscope_runtime.models.store import ModelStatus, ModelStore

__all__ = [
    "FetchProgress",
    "Lease",
    "LoadRequest",
    "Loader",
    "Manifest",
    "ManifestError",
    "ModelEntry",
    "ModelFile",
    "ModelPool",
    "ModelStatus",
    "ModelStore",
    "OnnxModel",
    "PoolObserver",
    "Progress",
    "SilentObserver",
    "TensorSpec",
    "load_onnx",
    "unavailable_reason",
]
