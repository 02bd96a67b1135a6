"""Rewrites of ONNX graphs: what the conversions share after the source network has become ONNX."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17
IR_VERSION = 8  # the version that belongs to opset 17; older runtimes refuse a newer one

# Biases and other short vectors save nothing as f16 and would each cost a Cast node.
_MIN_HALF_ELEMENTS = 64


def named_node(op: str, inputs: Sequence[str], output: str, **attributes: float | str | list[int]) -> onnx.NodeProto:
    """Make a node with one output, whose name is the node's name too."""
    node = helper.make_node(op, inputs, [output], name=output)
    node.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
    return node


def build_model(
    name: str,
    *,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto],
    opset: int = OPSET,
) -> onnx.ModelProto:
    """Assemble and check a model.

    Raises:
        onnx.checker.ValidationError: If the graph is not valid ONNX.
    """
    graph = helper.make_graph(nodes, name, inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def store_exact_weights_as_half(model: onnx.ModelProto) -> None:
    """Store as f16 every f32 weight that f16 holds without loss, as the f16 sources had it; in place."""
    _store_as_half(model, min_elements=_MIN_HALF_ELEMENTS, lossy=False)
    model.doc_string = ""  # the converter notes there which file of this machine it read


def round_weights_to_half(model: onnx.ModelProto, *, min_elements: int) -> None:
    """Round every f32 weight of at least `min_elements` elements to f16, to halve the file; in place."""
    _store_as_half(model, min_elements=min_elements, lossy=True)


def _store_as_half(model: onnx.ModelProto, *, min_elements: int, lossy: bool) -> None:
    graph = model.graph
    weights: list[onnx.TensorProto] = []
    casts: list[onnx.NodeProto] = []
    for tensor in graph.initializer:
        half = _as_half(numpy_helper.to_array(tensor), min_elements=min_elements, lossy=lossy)
        if half is None:
            weights.append(tensor)
            continue
        stored = f"{tensor.name}__h"
        weights.append(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    _replace(graph, nodes=nodes, weights=weights)


def _as_half(values: np.ndarray, *, min_elements: int, lossy: bool) -> np.ndarray | None:
    if values.dtype != np.float32 or values.size < min_elements:
        return None
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if lossy or np.array_equal(half.astype(np.float32), values) else None


def free_size(model: onnx.ModelProto) -> None:
    """Lets the height and width of the only picture [1, channels, height, width] be any, in place.

    For networks of convolutions, whose outputs [1, cells, values] have one row for each cell of the picture.
    """
    (picture,) = model.graph.input
    for axis, name in ((2, "height"), (3, "width")):
        picture.type.tensor_type.shape.dim[axis].dim_param = name
    for number, output in enumerate(model.graph.output):
        output.type.tensor_type.shape.dim[1].dim_param = f"cells_{number}"
    del model.graph.value_info[:]
    onnx.checker.check_model(model)


def expand_prelu(model: onnx.ModelProto) -> None:
    """Replace each PRelu by relu(x) + slope * (x - relu(x)), in place.

    onnxruntime's CPU kernel of PRelu takes two to four times as long as these four nodes.
    """
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "PRelu":
            nodes.append(node)
            continue
        (value, slope), (result,) = node.input, node.output
        stem = node.name or result
        positive, negative, scaled = f"{stem}_r", f"{stem}_n", f"{stem}_m"
        nodes += [
            helper.make_node("Relu", [value], [positive], name=positive),
            helper.make_node("Sub", [value, positive], [negative], name=negative),
            helper.make_node("Mul", [negative, slope], [scaled], name=scaled),
            helper.make_node("Add", [positive, scaled], [result], name=f"{stem}_a"),
        ]
    _replace(model.graph, nodes=nodes, weights=list(model.graph.initializer))
    onnx.checker.check_model(model)


def _replace(graph: onnx.GraphProto, *, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.value_info[:]  # shapes noted by the converter may no longer hold; the runtime infers them anew
