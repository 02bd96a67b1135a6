"""Reads a PyTorch checkpoint of plain tensors without PyTorch.

The format is a zip archive: `data.pkl` describes the tensors, `data/<key>` holds their storages, little-endian.
"""

import collections
import pickle
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from rebuild_steps.errors import RebuildError

_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class CheckpointError(RebuildError):
    """The checkpoint holds something else than tensors of known types."""


def read_tensors(file: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dictionary by their names.

    Raises:
        CheckpointError: If the checkpoint holds anything but a flat dictionary of tensors.
    """
    with zipfile.ZipFile(file) as archive:
        (index,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        with archive.open(index) as stream:
            tensors = _TensorUnpickler(stream, archive, index.removesuffix(".pkl")).load()
    return dict(tensors)


def _tensor(
    storage: np.ndarray,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    _requires_grad: object,
    _hooks: object,
) -> np.ndarray:
    """Stand in for torch._utils._rebuild_tensor_v2, with its parameters."""
    strides = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides).copy()


class _TensorUnpickler(pickle.Unpickler):
    """Resolves the few names that a state dictionary needs, and no others: pickles can run any code they name."""

    def __init__(self, stream: IO[bytes], archive: zipfile.ZipFile, data: str) -> None:
        super().__init__(stream)
        self._archive = archive
        self._data = data

    def find_class(self, module: str, name: str) -> object:
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        allowed = {("torch._utils", "_rebuild_tensor_v2"): _tensor, ("collections", "OrderedDict"): collections.OrderedDict}
        if (module, name) not in allowed:
            msg = f"the checkpoint names {module}.{name}, which no state dictionary of plain tensors needs"
            raise CheckpointError(msg)
        return allowed[module, name]

    def persistent_load(self, pid: tuple[str, np.dtype, str, str, int]) -> np.ndarray:
        _, dtype, key, _, count = pid
        return np.frombuffer(self._archive.read(f"{self._data}/{key}"), dtype, count)
