"""Compares a rebuilt file with the bundled one: equal bytes, or else equal outputs on the same random inputs."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

# Share of an output's largest value. The converter names and orders nodes anew in each run, so that the runtime may sum in
# another order: about 1e-6 in nets of this depth (0 was measured). In trials one weight tensor off by 1 % showed as 2e-5
# at least. Random pictures barely reach some weights of MoveNet, so equal weight tensors are counted besides.
TOLERANCE = 1e-5

# Shorter tensors are often constants of the graph, which conversions may write in several ways.
_MIN_WEIGHT_ELEMENTS = 64

_SEED = 20240607
_TRIALS = 4
_FREE_BATCH = 2  # for inputs whose batch size is free: more than one, to see that it is
_FREE_SIDE = 96  # for pictures of any size, three of the largest stride; as many frames where their number is free
_PATCH = 8  # every other trial repeats each random value this often along every long axis: shapes instead of noise
_SMALLEST = float(np.finfo(np.float32).tiny)  # keeps the share of an all-zero output finite
_TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a rebuilt file differs from the bundled one."""

    same_bytes: bool
    is_comparable: bool = True
    """Whether there are outputs to compare: both are networks with the same inputs and outputs."""
    largest_difference: float = 0.0
    """Largest absolute difference of any output value."""
    relative_difference: float = 0.0
    """Largest difference as a share of the largest value of its output."""
    weights: int = 0
    """Float tensors of the bundled network."""
    missing_weights: int = 0
    """Those of them that the rebuilt network does not hold, bit for bit."""

    @property
    def is_match(self) -> bool:
        """Whether the rebuilt file can stand for the bundled one."""
        return self.same_bytes or (self.is_comparable and self.relative_difference <= TOLERANCE)


def compare(bundled: Path, rebuilt: Path, input_range: tuple[float, float] | None) -> Comparison:
    """Compare two files, by their outputs too if they are networks with inputs in `input_range`."""
    if _sha256(bundled) == _sha256(rebuilt):
        return Comparison(same_bytes=True)
    if input_range is None:
        return Comparison(same_bytes=False, is_comparable=False)
    first, second = _session(bundled), _session(rebuilt)
    names = [output.name for output in first.get_outputs()]
    if _signature(first) != _signature(second):
        return Comparison(same_bytes=False, is_comparable=False)
    largest = relative = 0.0
    for feed in _feeds(first, input_range):
        for expected, actual in zip(first.run(names, feed), second.run(names, feed), strict=True):
            difference = float(np.abs(np.asarray(expected, np.float64) - actual).max())
            if not np.isfinite(difference):
                difference = np.inf
            largest = max(largest, difference)
            relative = max(relative, difference / max(float(np.abs(expected).max()), _SMALLEST))
    expected_weights, actual_weights = _weights(bundled), _weights(rebuilt)
    return Comparison(
        same_bytes=False,
        largest_difference=largest,
        relative_difference=relative,
        weights=expected_weights.total(),
        missing_weights=(expected_weights - actual_weights).total(),
    )


def _weights(file: Path) -> Counter[tuple[str, tuple[int, ...], bytes]]:
    """Count the float tensors by type, shape and content; their names do not matter."""
    tensors = (numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer)
    return Counter(
        (values.dtype.str, values.shape, hashlib.sha256(values.tobytes()).digest())
        for values in tensors
        if values.dtype.kind == "f" and values.size >= _MIN_WEIGHT_ELEMENTS
    )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _session(file: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])


def _signature(session: onnxruntime.InferenceSession) -> set[tuple[str, str, tuple[int | None, ...]]]:
    """Names, types and shapes; the names of free dimensions do not matter."""
    return {
        (value.name, value.type, tuple(size if isinstance(size, int) else None for size in value.shape))
        for value in [*session.get_inputs(), *session.get_outputs()]
    }


def _feeds(session: onnxruntime.InferenceSession, input_range: tuple[float, float]) -> Iterator[dict[str, np.ndarray]]:
    generator = np.random.default_rng(_SEED)
    for trial in range(_TRIALS):
        feed = {}
        for value in session.get_inputs():
            free = (_FREE_BATCH, *[_FREE_SIDE] * (len(value.shape) - 1))
            shape = [size if isinstance(size, int) else other for size, other in zip(value.shape, free, strict=True)]
            patches = [_PATCH if trial % 2 and size > _PATCH else 1 for size in shape]
            values = generator.uniform(*input_range, [-(-size // patch) for size, patch in zip(shape, patches, strict=True)])
            for axis, patch in enumerate(patches):
                values = np.repeat(values, patch, axis)
            feed[value.name] = values[tuple(slice(size) for size in shape)].astype(_TYPES[value.type])
        yield feed
