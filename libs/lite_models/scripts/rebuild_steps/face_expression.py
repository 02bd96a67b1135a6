"""face-api's expression network (weights without a graph) -> ONNX.

The layout follows face-api.js: four dense blocks of depthwise separable convolutions, mean pooling, one linear layer.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rebuild_steps.onnx_rewrites import build_model, named_node
from rebuild_steps.tfjs_weights import read_weights

_MEAN_RGB = (122.782, 117.001, 104.298)  # face-api.js FaceProcessor
_SIZE = 112
_CLASSES = 7
_BLOCKS = 4


def convert(source: Path) -> onnx.ModelProto:
    """Build the network from face-api's weights manifest; mean subtraction and softmax are inside."""
    return _Network(read_weights(json.loads(source.read_text(encoding="utf-8")), source.parent)).model()


class _Network:
    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._source = weights
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        mean = self._weight("mean", np.array(_MEAN_RGB).reshape(1, 3, 1, 1))
        value = self._node("Sub", ["image", mean], "sub")
        value = self._node("Mul", [value, self._weight("inv255", np.array([1 / 255]))], "norm")
        for index in range(_BLOCKS):
            value = self._dense_block(value, f"dense{index}", starts_plain=index == 0)
        value = self._node("AveragePool", [value], "pool", kernel_shape=[7, 7], strides=[2, 2])
        value = self._node("Flatten", [value], "flat")
        linear = [self._weight("fc_w", self._source["fc/weights"]), self._weight("fc_b", self._source["fc/bias"])]
        value = self._node("Gemm", [value, *linear], "logits")
        self._node("Softmax", [value], "probs", axis=1)
        return build_model(
            "face_expression",
            nodes=self._nodes,
            inputs=[helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, _SIZE, _SIZE])],
            outputs=[helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", _CLASSES])],
            weights=self._weights,
        )

    def _weight(self, name: str, values: np.ndarray) -> str:
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def _node(self, op: str, inputs: list[str], output: str, **attributes: float | str | list[int]) -> str:
        self._nodes.append(named_node(op, inputs, output, **attributes))
        return output

    def _dense_block(self, value: str, block: str, *, starts_plain: bool) -> str:
        """Four convolutions, of which each reads the rectified sum of what came before it."""
        if starts_plain:
            kernel, bias = self._source[f"{block}/conv0/filters"], self._source[f"{block}/conv0/bias"]
            total = self._convolution(value, kernel.transpose(3, 2, 0, 1), bias, f"{block}c0", stride=2)
        else:
            total = self._separable(value, f"{block}/conv0", f"{block}c0", stride=2)
        total = self._node("Relu", [total], f"{block}o1")
        rectified = total
        for index in (1, 2, 3):
            if index > 1:
                rectified = self._node("Relu", [total], f"{block}i{index + 1}")
            result = self._separable(rectified, f"{block}/conv{index}", f"{block}o{index + 1}", stride=1)
            total = self._node("Add", [total, result], f"{block}a{index + 1}")
        return self._node("Relu", [total], f"{block}out")

    def _separable(self, value: str, layer: str, output: str, *, stride: int) -> str:
        depthwise, pointwise = self._source[f"{layer}/depthwise_filter"], self._source[f"{layer}/pointwise_filter"]
        channels = depthwise.shape[2]
        kernel = depthwise.transpose(2, 3, 0, 1).reshape(channels, 1, *depthwise.shape[:2])
        value = self._convolution(value, kernel, None, f"{output}_dw", stride=stride, groups=channels)
        return self._convolution(value, pointwise.transpose(3, 2, 0, 1), self._source[f"{layer}/bias"], output, stride=1)

    def _convolution(
        self, value: str, kernel: np.ndarray, bias: np.ndarray | None, output: str, *, stride: int, groups: int = 1
    ) -> str:
        inputs = [value, self._weight(f"{output}_w", kernel)]
        if bias is not None:
            inputs.append(self._weight(f"{output}_b", bias))
        size = kernel.shape[2]
        return self._node(
            "Conv", inputs, output, kernel_shape=[size, size], strides=[stride, stride], group=groups, auto_pad="SAME_UPPER"
        )
