"""TensorFlow.js graph model -> ONNX, by way of a TensorFlow GraphDef and tf2onnx."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from google.protobuf import json_format
from tensorflow.core.framework import graph_pb2

from rebuild_steps.errors import RebuildError
from rebuild_steps.onnx_rewrites import OPSET
from rebuild_steps.tfjs_weights import read_weights

# TensorFlow.js fuses these for speed; TensorFlow on a CPU and tf2onnx know the parts only.
_FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative", "_FusedMatMul": "MatMul"}
_CONVOLUTION_ATTRIBUTES = ("T", "strides", "padding", "dilations", "data_format", "explicit_paddings")
_BASE_ATTRIBUTES = {
    "Conv2D": _CONVOLUTION_ATTRIBUTES,
    "DepthwiseConv2dNative": _CONVOLUTION_ATTRIBUTES,
    "MatMul": ("T", "transpose_a", "transpose_b"),
}
_ACTIVATIONS = frozenset({"Relu", "Relu6"})
_MAIN_INPUTS = 2  # of a convolution or matrix product: values and kernel; the fused operations' inputs follow


class UnsupportedGraphError(RebuildError):
    """The graph holds something that this conversion does not know."""


def convert(source: Path, *, input_shape: tuple[int, ...] | None = None) -> onnx.ModelProto:
    """Convert a TensorFlow.js graph model.

    Args:
        source: The model's JSON file; its binary weights lie beside it.
        input_shape: Shape that replaces the one declared for the only input.

    Raises:
        UnsupportedGraphError: If a fused operation is not known.
    """
    document = json.loads(source.read_text(encoding="utf-8"))
    weights = read_weights(document["weightsManifest"], source.parent)
    graph = _Unfused(_parse(document["modelTopology"]), weights).graph
    inputs = [node for node in graph.node if node.op == "Placeholder"]
    if input_shape is not None:
        shape = inputs[0].attr["shape"].shape
        del shape.dim[:]
        for size in input_shape:
            shape.dim.add().size = size
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=[f"{node.name}:0" for node in inputs], output_names=_output_names(document), opset=OPSET
    )
    assert isinstance(model, onnx.ModelProto)  # noqa: S101 - narrows the untyped converter's result
    return model


def _parse(topology: dict[str, Any]) -> graph_pb2.GraphDef:
    nodes = [
        # Constants carry no values here; a type alone makes them parse, the values follow from the weights.
        {**node, "attr": {**node["attr"], "value": {"tensor": {"dtype": "DT_FLOAT"}}}} if node["op"] == "Const" else node
        for node in topology["node"]
    ]
    known = {key: topology[key] for key in topology.keys() & {"library", "versions"}}
    return json_format.ParseDict(known | {"node": nodes}, graph_pb2.GraphDef(), ignore_unknown_fields=True)


def _output_names(document: dict[str, Any]) -> list[str]:
    signature = document.get("signature") or document["userDefinedMetadata"]["signature"]
    names = [output["name"] for output in signature["outputs"].values()]
    return [name if ":" in name else f"{name}:0" for name in names]


class _Unfused:
    """Builds the graph anew: constants get their values, fused nodes become their parts."""

    def __init__(self, source: graph_pb2.GraphDef, weights: dict[str, np.ndarray]) -> None:
        self.graph = graph_pb2.GraphDef(versions=source.versions, library=source.library)
        self._weights = weights
        for node in source.node:
            if node.op == "Const":
                self._constant(node)
            elif node.op in _FUSED:
                self._fused(node)
            elif node.op == "Prelu":
                self._prelu(node)
            else:
                self.graph.node.append(node)

    def _add(self, op: str, name: str, inputs: list[str]) -> Any:  # noqa: ANN401 - protobuf nodes of TensorFlow are untyped
        node = self.graph.node.add(op=op, name=name, input=inputs)
        node.attr["T"].type = tf.float32.as_datatype_enum
        return node

    def _constant(self, node: Any) -> None:  # noqa: ANN401
        dtype = tf.as_dtype(node.attr["dtype"].type)
        values = self._weights[node.name].astype(dtype.as_numpy_dtype)
        constant = self.graph.node.add(op="Const", name=node.name)
        constant.attr["dtype"].type = dtype.as_datatype_enum
        constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, shape=values.shape))

    def _fused(self, node: Any) -> None:  # noqa: ANN401
        steps = [step.decode() for step in node.attr["fused_ops"].list.s]
        operation = _FUSED[node.op]
        current = f"{node.name}/base" if steps else node.name
        base = self._add(operation, current, list(node.input[:_MAIN_INPUTS]))
        for key in _BASE_ATTRIBUTES[operation]:
            if key in node.attr:
                base.attr[key].CopyFrom(node.attr[key])
        further = iter(node.input[_MAIN_INPUTS:])
        for index, step in enumerate(steps):
            # The last part takes the fused node's name, which the rest of the graph refers to.
            name = node.name if index == len(steps) - 1 else f"{node.name}/{step}{index}"
            if step == "BiasAdd":
                self._add(step, name, [current, next(further)])
            elif step in _ACTIVATIONS:
                self._add(step, name, [current])
            else:
                msg = f"{node.name!r} fuses {step!r}; add it to the conversion (known: BiasAdd, {sorted(_ACTIVATIONS)})"
                raise UnsupportedGraphError(msg)
            current = name

    def _prelu(self, node: Any) -> None:  # noqa: ANN401
        """Write relu(x) - slope * relu(-x): TensorFlow has no such operation."""
        value, slope = node.input
        name = node.name
        self._add("Relu", f"{name}/pos", [value])
        self._add("Neg", f"{name}/neg0", [value])
        self._add("Relu", f"{name}/neg", [f"{name}/neg0"])
        self._add("Mul", f"{name}/mul", [slope, f"{name}/neg"])
        self._add("Sub", name, [f"{name}/pos", f"{name}/mul"])
