"""MoveNet without its ends: normalised pictures of any size in, the maps that its heads give out.

The published graph takes squares only, so that more than a third of an upright clip's is empty, and looks for six persons among
constants made for a square, which takes a tenth of its time.
"""

from typing import Final

import onnx
from onnx import TensorProto, helper

from rebuild_steps.onnx_rewrites import nodes_between

IMAGE: Final = "image"
"""The new input, after the published graph's own normalisation."""

_MAPS: Final = {
    "StatefulPartitionedCall/Sigmoid:0": ("centers", 1),
    "StatefulPartitionedCall/box_scale_0/conv2d_5/BiasAdd:0": ("box_sizes", 2),
    "StatefulPartitionedCall/box_offset_0/conv2d_6/BiasAdd:0": ("box_offsets", 2),
    "StatefulPartitionedCall/Sigmoid_1:0": ("keypoints", 17),
    "StatefulPartitionedCall/kpt_regress_0/conv2d_8/BiasAdd:0": ("keypoint_steps", 34),
    "StatefulPartitionedCall/kpt_offset_0/conv2d_9/BiasAdd:0": ("keypoint_offsets", 34),
}
"""Tensors of the published graph, what they are called now, and their channels."""


def keep_network(model: onnx.ModelProto) -> None:
    """Cuts the graph down to what lies between the normalised picture and the heads' maps, in place."""
    graph = model.graph
    (planes,) = (node.output[0] for node in graph.node if node.op_type == "Transpose" and _is_picture(node))
    names = {planes: IMAGE} | {tensor: name for tensor, (name, _) in _MAPS.items()}
    nodes = nodes_between(graph.node, [planes], list(_MAPS))
    for node in nodes:
        for tensors in (node.input, node.output):
            for position, tensor in enumerate(tensors):
                tensors[position] = names.get(tensor, tensor)
    used = {tensor for node in nodes for tensor in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    inputs = [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, [1, 3, "height", "width"])]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "rows", "columns"])
        for name, channels in _MAPS.values()
    ]
    graph.CopyFrom(helper.make_graph(nodes, graph.name, inputs, outputs, weights))
    onnx.checker.check_model(model)


def _is_picture(node: onnx.NodeProto) -> bool:
    """Whether a transposition brings the normalised picture's channels to the front."""
    return str(node.input[0]).endswith("/sub_1:0")
