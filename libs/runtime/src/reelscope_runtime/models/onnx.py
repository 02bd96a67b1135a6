"""The "onnx" loader: ONNX Runtime sessions that share a machine politely."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models.denormals import can_flush, flushed_denormals
from reelscope_runtime.models.memory import release_free
from reelscope_runtime.models.pool import LoadRequest

_ARENA_MB = 100
"""An arena keeps for good what a network needed once: it pays for those that run every second, for which the system would clear
their memory anew each time, not for stretches of frames or for pictures and lines of all sizes."""

_ERRORS_ONLY = 3
_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a network.

    Attributes:
        name: As in the file.
        shape: None where a dimension is free.
        dtype: ONNX Runtime's name, e.g. "tensor(float)".
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class OnnxModel:
    """A loaded network. `run` may be called from several threads at once.

    Args:
        session: The ONNX Runtime session.
        device: "cpu" or "cuda:N".
        assets: The model's other files (labels and the like) by name.
        makes_room: Whether free memory is given back to the system before each run.

    Attributes:
        inputs: In the file's order.
        outputs: In the file's order.
        device: Where it runs.
        assets: Path of each other file of the model by its name.
        metadata: What its makers wrote into the file.
    """

    def __init__(
        self,
        session: Any,  # noqa: ANN401 - untyped library
        device: str,
        assets: Mapping[str, Path],
        *,
        makes_room: bool = False,
    ) -> None:
        self._session = session
        self._makes_room = makes_room
        self.inputs = tuple(_spec(tensor) for tensor in session.get_inputs())
        self.outputs = tuple(_spec(tensor) for tensor in session.get_outputs())
        self.device = device
        self.assets = dict(assets)
        self.metadata: Mapping[str, str] = dict(session.get_modelmeta().custom_metadata_map)

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Runs the network.

        Args:
            outputs: Names of the outputs that are wanted; None: all, in the file's order.
            feeds: An array for each input name, of its shape and type.

        Returns:
            One array per wanted output.
        """
        if self._makes_room:
            release_free()
        wanted = None if outputs is None else list(outputs)
        with flushed_denormals():
            results: list[NDArray[Any]] = self._session.run(wanted, dict(feeds))
        return results

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Runs the network on its inputs in the file's order; all outputs in the file's order."""
        feeds = {spec.name: np.ascontiguousarray(array) for spec, array in zip(self.inputs, inputs, strict=True)}
        return self.run(None, feeds)

    def close(self) -> None:
        """Lets the session go; the model cannot be run any more."""
        self._session = None


def load_onnx(request: LoadRequest) -> OnnxModel:
    """Loads the first `.onnx` file of a model.

    Threads do not spin while they wait: with eleven sessions on two cores that is 94 ms instead of 331 ms a frame.

    Raises:
        ModelUnavailableError: ONNX Runtime is not installed, refuses the file, or has no such device.
    """
    try:
        # It would write a device id into the user's cache and report to its maker: nothing leaves this machine.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime  # noqa: PLC0415 - the runtime must start without a compute library
        from onnxruntime.capi import onnxruntime_pybind11_state as native  # noqa: PLC0415
    except ImportError as error:
        raise ModelUnavailableError(
            f"model {request.entry.name!r} needs onnxruntime ({error}): pip install onnxruntime"
        ) from error
    device, providers = _providers(request, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    # Nodes work side by side: two networks at a time with half of the threads each cost less than one after the other with all.
    options.intra_op_num_threads = max(1, request.threads // 2)
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = request.entry.memory_mb <= _ARENA_MB
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if can_flush():
        # ONNX Runtime's own threads follow this alone; the one that calls `run` is not theirs. The first session of a process
        # also sets the thread that loads it, for good, were it not taken back around it.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
    files = {file.path: _path(request, file.path) for file in request.entry.files}
    network = next(path for name, path in files.items() if name.endswith(".onnx"))
    # They have no base in common but Exception.
    refusals = (
        native.EPFail,
        native.Fail,
        native.InvalidArgument,
        native.InvalidGraph,
        native.InvalidProtobuf,
        native.NoSuchFile,
        native.NotImplemented,
        native.RuntimeException,
    )
    try:
        with flushed_denormals():
            session = onnxruntime.InferenceSession(str(network), options, providers=providers)
    except refusals as error:
        raise ModelUnavailableError(f"onnxruntime cannot load model {request.entry.name!r} from {network}: {error}") from error
    if device != "cpu" and _CUDA not in session.get_providers():
        if request.device != "auto":
            raise ModelUnavailableError(
                f"model {request.entry.name!r} was to run on {device}, but CUDA could not be initialised"
            )
        device = "cpu"
    assets = {name: path for name, path in files.items() if path != network}
    return OnnxModel(session, device, assets, makes_room=request.entry.makes_room and device == "cpu")


def _path(request: LoadRequest, file: str) -> Path:
    return request.path if request.entry.is_single_file else request.path / file


def _providers(request: LoadRequest, available: Sequence[str]) -> tuple[str, list[Any]]:
    wants_cuda = request.device.startswith("cuda") or (request.device == "auto" and _CUDA in available)
    if not wants_cuda:
        return "cpu", [_CPU]
    if _CUDA not in available:
        raise ModelUnavailableError(
            f"model {request.entry.name!r} was to run on {request.device}, but this onnxruntime has only "
            f"{', '.join(available)}: install onnxruntime-gpu or set REELSCOPE_MODELS__DEVICE=cpu"
        )
    _, _, number = request.device.partition(":")
    index = int(number) if number.isdigit() else 0
    return f"cuda:{index}", [(_CUDA, {"device_id": index}), _CPU]


def _spec(tensor: Any) -> TensorSpec:  # noqa: ANN401 - untyped library
    shape = tuple(size if isinstance(size, int) else None for size in tensor.shape)
    return TensorSpec(tensor.name, shape, tensor.type)
