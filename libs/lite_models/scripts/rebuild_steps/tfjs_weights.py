"""Reads the weights manifests of TensorFlow.js, in which tensors may be stored quantised."""

from pathlib import Path
from typing import Any

import numpy as np

from rebuild_steps.errors import RebuildError

_STORED = {"float32": "<f4", "int32": "<i4", "bool": "?", "float16": "<f2", "uint8": "u1", "uint16": "<u2"}


class WeightsManifestError(RebuildError):
    """The manifest and its binary files do not belong together."""


def read_weights(groups: list[dict[str, Any]], folder: Path) -> dict[str, np.ndarray]:
    """Return every tensor by its name, in the type it is declared with.

    Args:
        groups: The manifest: groups of `paths` (binary files, read as one) and `weights` (in the order of storage).
        folder: Where the binary files lie.

    Raises:
        WeightsManifestError: If the binary files are longer or shorter than the manifest says.
    """
    weights: dict[str, np.ndarray] = {}
    for group in groups:
        raw = b"".join((folder / path).read_bytes() for path in group["paths"])
        offset = 0
        for spec in group["weights"]:
            quantization = spec.get("quantization")
            stored = np.dtype(_STORED[quantization["dtype"] if quantization else spec["dtype"]])
            count = int(np.prod(spec["shape"], dtype=np.int64))
            if offset + count * stored.itemsize > len(raw):
                msg = f"{group['paths']} ends within {spec['name']!r}: {len(raw)} bytes are too few"
                raise WeightsManifestError(msg)
            values = np.frombuffer(raw, stored, count, offset)
            offset += count * stored.itemsize
            weights[spec["name"]] = _declared(values, spec["dtype"], quantization).reshape(spec["shape"])
        if offset != len(raw):
            msg = f"{group['paths']} holds {len(raw)} bytes, of which the manifest explains {offset}"
            raise WeightsManifestError(msg)
    return weights


def _declared(values: np.ndarray, dtype: str, quantization: dict[str, Any] | None) -> np.ndarray:
    declared = np.dtype(_STORED[dtype])
    if quantization is None or quantization["dtype"] == "float16":
        return values.astype(declared)
    scale, lowest = float(quantization["scale"]), float(quantization["min"])
    restored = values.astype(np.float32) * scale + lowest
    return (np.round(restored) if declared.kind == "i" else restored).astype(declared)
