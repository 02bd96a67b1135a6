"""Rewrites of ONNX graphs: what the conversions share after the source network has become ONNX."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from rebuild_steps.errors import RebuildError

OPSET = 17
IR_VERSION = 8  # the version that belongs to opset 17; older runtimes refuse a newer one

# Biases and other short vectors save nothing as f16 and would each cost a Cast node.
_MIN_HALF_ELEMENTS = 64

_SLOPE_AXES = 3  # of a slope for each channel: channels, 1, 1


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


def fold_prelu(model: onnx.ModelProto) -> None:
    """Make one PRelu of each relu(x) - slope * relu(-x), as `tfjs_graph` writes it, in place.

    Raises:
        RebuildError: There is none.
    """
    constants = _constants(model.graph)
    makers = {tensor: node for node in model.graph.node for tensor in node.output}

    def maker(tensor: str, op: str) -> onnx.NodeProto | None:
        node = makers.get(tensor)
        return node if node is not None and node.op_type == op else None

    nodes: list[onnx.NodeProto] = []
    weights = list(model.graph.initializer)
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type != "Sub" or (positive := maker(node.input[0], "Relu")) is None:
            continue
        scaled = maker(node.input[1], "Mul")
        negative = scaled and maker(scaled.input[0], "Relu")
        mirrored = negative and maker(negative.input[0], "Neg")
        if not scaled or not mirrored or mirrored.input[0] != positive.input[0] or scaled.input[1] not in constants:
            continue
        slope = constants[scaled.input[1]]
        name = f"{node.output[0]}_slope"
        weights.append(numpy_helper.from_array(slope, name))
        nodes[-1] = helper.make_node("PRelu", [positive.input[0], name], list(node.output), name=node.name)
    if len(weights) == len(model.graph.initializer):
        msg = "no PReLU is written as relu(x) - slope * relu(-x): has the conversion changed?"
        raise RebuildError(msg)
    _replace(model.graph, nodes=nodes, weights=weights)
    _drop_unused(model)


def expand_prelu(model: onnx.ModelProto) -> None:
    """Replace each PRelu by nodes that onnxruntime's CPU kernels run faster, in place.

    With a slope for each channel of [1, channels, height, width] these are slope * x + (1 - slope) * relu(x), the products as
    convolutions of one pixel: such a picture keeps the channel-blocked layout of the convolutions around, out of which and back
    into which it would be brought twice. Others become relu(x) + slope * (x - relu(x)). PRelu itself takes two to four times as
    long as either.
    """
    slopes = _constants(model.graph)
    nodes: list[onnx.NodeProto] = []
    weights = list(model.graph.initializer)
    for node in model.graph.node:
        if node.op_type != "PRelu":
            nodes.append(node)
            continue
        (value, slope), (result,) = node.input, node.output
        stem = node.name or result
        positive, first, second = f"{stem}_r", f"{stem}_x", f"{stem}_y"
        nodes.append(helper.make_node("Relu", [value], [positive], name=positive))
        values = slopes.get(slope)
        if values is not None and values.ndim >= _SLOPE_AXES and values.size == values.shape[-3] > 1:
            pixel = values.reshape(-1, 1, 1, 1)
            for source, kernel, product in ((value, pixel, first), (positive, 1 - pixel, second)):
                weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"{product}_kernel"))
                shape = {"group": len(kernel), "kernel_shape": [1, 1]}
                nodes.append(helper.make_node("Conv", [source, f"{product}_kernel"], [product], name=product, **shape))
            nodes.append(helper.make_node("Add", [first, second], [result], name=f"{stem}_a"))
        else:
            nodes += [
                helper.make_node("Sub", [value, positive], [first], name=first),
                helper.make_node("Mul", [first, slope], [second], name=second),
                helper.make_node("Add", [positive, second], [result], name=f"{stem}_a"),
            ]
    _replace(model.graph, nodes=nodes, weights=weights)
    _drop_unused(model)


def drop_output(model: onnx.ModelProto, *, name: str) -> None:
    """Leave out an output and what makes nothing else, in place.

    Raises:
        RebuildError: There is none of this name.
    """
    kept = [output for output in model.graph.output if output.name != name]
    if len(kept) == len(model.graph.output):
        msg = f"there is no output {name!r}"
        raise RebuildError(msg)
    del model.graph.output[:]
    model.graph.output.extend(kept)
    _drop_unused(model)


def nodes_between(nodes: Sequence[onnx.NodeProto], starts: Sequence[str], ends: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that make some tensors, from others where these come in, in their order."""
    makers = {tensor: index for index, node in enumerate(nodes) for tensor in node.output if tensor not in starts}
    wanted: set[int] = set()
    open_tensors = list(ends)
    while open_tensors:
        index = makers.get(open_tensors.pop())
        if index is not None and index not in wanted:
            wanted.add(index)
            open_tensors += nodes[index].input
    return [nodes[index] for index in sorted(wanted)]


def _drop_unused(model: onnx.ModelProto) -> None:
    """Keep only the nodes and weights that make an output."""
    graph = model.graph
    nodes = nodes_between(graph.node, [], [output.name for output in graph.output])
    used = {tensor for node in nodes for tensor in node.input}
    _replace(graph, nodes=nodes, weights=[tensor for tensor in graph.initializer if tensor.name in used])
    onnx.checker.check_model(model)


def _constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Values of the weights by name, those that are stored as f16 and cast among them."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    casts = [node for node in graph.node if node.op_type == "Cast" and node.input[0] in stored]
    singles = [node for node in casts if helper.get_node_attr_value(node, "to") == onnx.TensorProto.FLOAT]
    return stored | {node.output[0]: stored[node.input[0]].astype(np.float32) for node in singles}


def _replace(graph: onnx.GraphProto, *, nodes: list[onnx.NodeProto], weights: list[onnx.TensorProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.value_info[:]  # shapes noted by the converter may no longer hold; the runtime infers them anew
