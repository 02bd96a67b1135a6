"""TransNetV2 (a PyTorch checkpoint) -> ONNX, built layer by layer so that the conversion needs no PyTorch.

Architecture: T. Souček and J. Lokoč, "TransNet V2: An effective deep network architecture for fast shot transition
detection", 2020. Layer names are those of the checkpoint.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rebuild_steps.onnx_rewrites import build_model, named_node
from rebuild_steps.torch_checkpoint import read_tensors

_OPSET = 18  # ScatterElements adds with opset 16, reductions take their axes as an input from 18
_HEIGHT, _WIDTH = 27, 48
_LENGTH = "count"  # of the frames: any
_STACKS, _BLOCKS, _DILATIONS = 3, 2, (1, 2, 4, 8)
_SIMILARITY_WINDOW = 101  # frames compared with each frame, itself in the middle
_BATCH_NORM_EPSILON = 1e-3
_NORM_FLOOR = 1e-12  # as torch.nn.functional.normalize
_HISTOGRAM_BINS = 512  # three bits a channel


def convert(source: Path) -> onnx.ModelProto:
    """Build the network for one window of any length (it was trained on 100 frames); both outputs are logits."""
    return _Network(read_tensors(source)).model()


class _Network:
    def __init__(self, checkpoint: dict[str, np.ndarray]) -> None:
        self._checkpoint = checkpoint
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}

    def model(self) -> onnx.ModelProto:
        value = self._node("Transpose", ["frames"], "channels_first", perm=[0, 4, 1, 2, 3])
        value = self._node("Cast", [value], "float_frames", to=TensorProto.FLOAT)
        value = self._node("Div", [value, self._constant("white", np.float32(255))], "scaled_frames")
        features: list[str] = []
        for stack in range(_STACKS):
            value = self._stack(value, f"SDDCNN.{stack}")
            features.append(value)
        value = self._node("Transpose", [value], "frames_first", perm=[0, 2, 3, 4, 1])
        value = self._node("Reshape", [value, self._constant("flat_shape", np.array([1, 0, -1]))], "flat")
        parts = [self._colour_similarity(), self._feature_similarity(features), value]
        value = self._node("Concat", parts, "all_features", axis=2)
        value = self._node("Relu", [self._linear(value, "fc1")], "hidden")
        self._linear(value, "cls_layer1", output="single")
        self._linear(value, "cls_layer2", output="many")
        frames = helper.make_tensor_value_info("frames", TensorProto.UINT8, [1, _LENGTH, _HEIGHT, _WIDTH, 3])
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, _LENGTH, 1]) for name in ("single", "many")]
        return build_model(
            "transnetv2",
            nodes=self._nodes,
            inputs=[frames],
            outputs=outputs,
            weights=list(self._weights.values()),
            opset=_OPSET,
        )

    def _constant(self, name: str, values: np.ndarray | np.generic) -> str:
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)
        return name

    def _layer_weight(self, name: str) -> str:
        return self._constant(name, self._checkpoint[name])

    def _node(self, op: str, inputs: list[str], output: str, **attributes: float | str | list[int]) -> str:
        self._nodes.append(named_node(op, inputs, output, **attributes))
        return output

    def _linear(self, value: str, layer: str, *, output: str | None = None) -> str:
        kernel = self._constant(f"{layer}.weight", self._checkpoint[f"{layer}.weight"].T)
        product = self._node("MatMul", [value, kernel], f"{layer}.product")
        return self._node("Add", [product, self._layer_weight(f"{layer}.bias")], output or f"{layer}.sum")

    def _stack(self, value: str, stack: str) -> str:
        """Dilated blocks with a shortcut around all but the first, then halving of height and width."""
        shortcut = value = self._dilated_block(value, f"{stack}.DDCNN.0")
        for block in range(1, _BLOCKS):
            value = self._dilated_block(value, f"{stack}.DDCNN.{block}")
        value = self._node("Add", [value, shortcut], f"{stack}.shortcut")
        return self._node("AveragePool", [value], f"{stack}.pool", kernel_shape=[1, 2, 2], strides=[1, 2, 2])

    def _dilated_block(self, value: str, block: str) -> str:
        branches: list[str] = []
        for dilation in _DILATIONS:
            layer = f"{block}.Conv3D_{dilation}.layers"
            spatial = self._node(
                "Conv",
                [value, self._layer_weight(f"{layer}.0.weight")],
                f"{layer}.0",
                kernel_shape=[1, 3, 3],
                pads=[0, 1, 1, 0, 1, 1],
            )
            temporal = self._node(
                "Conv",
                [spatial, self._layer_weight(f"{layer}.1.weight")],
                f"{layer}.1",
                kernel_shape=[3, 1, 1],
                dilations=[dilation, 1, 1],
                pads=[dilation, 0, 0, dilation, 0, 0],
            )
            branches.append(temporal)
        value = self._node("Concat", branches, f"{block}.branches", axis=1)
        statistics = [self._layer_weight(f"{block}.bn.{n}") for n in ("weight", "bias", "running_mean", "running_var")]
        value = self._node("BatchNormalization", [value, *statistics], f"{block}.bn", epsilon=_BATCH_NORM_EPSILON)
        return self._node("Relu", [value], f"{block}.relu")

    def _feature_similarity(self, features: list[str]) -> str:
        layer = "frame_sim_layer"
        space = self._constant("space_axes", np.array([3, 4]))
        means = [
            self._node("ReduceMean", [value, space], f"{layer}.mean{index}", keepdims=0) for index, value in enumerate(features)
        ]
        value = self._node("Concat", means, f"{layer}.means", axis=1)
        value = self._node("Transpose", [value], f"{layer}.frames_first", perm=[0, 2, 1])
        return self._similarity(self._linear(value, f"{layer}.projection"), layer)

    def _colour_similarity(self) -> str:
        """Histogram of each frame over 8 x 8 x 8 colours, then as with the features."""
        layer = "color_hist_layer"
        value = self._node("Cast", ["frames"], f"{layer}.integers", to=TensorProto.INT64)
        value = self._node("Div", [value, self._constant("bin_width", np.int64(32))], f"{layer}.coarse")
        value = self._node("Mul", [value, self._constant("bin_strides", np.array([64, 8, 1]))], f"{layer}.strided")
        value = self._node("ReduceSum", [value, self._constant("last", np.array([4]))], f"{layer}.sums", keepdims=0)
        pixels = _HEIGHT * _WIDTH
        bins = self._node("Reshape", [value, self._constant("bins_shape", np.array([1, 0, pixels]))], f"{layer}.bins")
        size = self._node("Shape", [bins], f"{layer}.size")
        ones = self._node("Expand", [self._constant("one_count", np.ones((1, 1, 1), np.float32)), size], f"{layer}.ones")
        length = self._node("Shape", [bins], f"{layer}.length", end=2)
        bin_count = self._constant("bin_count", np.array([_HISTOGRAM_BINS]))
        size = self._node("Concat", [length, bin_count], f"{layer}.histograms_size", axis=0)
        empty = self._node("Expand", [self._constant("no_count", np.zeros((1, 1, 1), np.float32)), size], f"{layer}.empty")
        value = self._node("ScatterElements", [empty, bins, ones], f"{layer}.histograms", axis=2, reduction="add")
        return self._similarity(value, layer)

    def _similarity(self, value: str, layer: str) -> str:
        """Cosine similarity of each frame with the 50 before and after it (zeros outside the window), through a layer."""
        last = self._constant("vector_axis", np.array([2]))
        norm = self._node("ReduceL2", [value, last], f"{layer}.norm", keepdims=1)
        norm = self._node("Max", [norm, self._constant("norm_floor", np.float32(_NORM_FLOOR))], f"{layer}.safe_norm")
        value = self._node("Div", [value, norm], f"{layer}.unit")
        other = self._node("Transpose", [value], f"{layer}.transposed", perm=[0, 2, 1])
        value = self._node("MatMul", [value, other], f"{layer}.similarities")
        margin = _SIMILARITY_WINDOW // 2
        value = self._node("Pad", [value, self._constant("margins", np.array([0, 0, margin, 0, 0, margin]))], f"{layer}.padded")
        value = self._node("GatherElements", [value, self._neighbours(other)], f"{layer}.neighbourhood", axis=2)
        return self._node("Relu", [self._linear(value, f"{layer}.fc")], f"{layer}.relu")

    def _neighbours(self, vectors: str) -> str:
        """Columns [1, frames, window] of each frame's neighbours in the padded similarities, from vectors [1, size, frames]."""
        length = self._node("Shape", [vectors], f"{vectors}.length", start=2)
        length = self._node("Squeeze", [length], f"{vectors}.count")
        zero, one = self._constant("zero", np.int64(0)), self._constant("one", np.int64(1))
        first = self._node("Range", [zero, length, one], f"{vectors}.first")
        first = self._node("Unsqueeze", [first, self._constant("row_axes", np.array([0, 2]))], f"{vectors}.rows")
        window = self._constant("window", np.arange(_SIMILARITY_WINDOW)[None, None, :])
        return self._node("Add", [first, window], f"{vectors}.neighbours")
