"""Qualcomm's 8-bit YAMNet, which keeps its float weights -> a float network with a free batch size and scores."""

import tempfile
import zipfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from rebuild_steps.onnx_rewrites import build_model

_QUANTISATION = frozenset({"QuantizeLinear", "DequantizeLinear"})
_FRAMES, _BANDS, _CLASSES = 96, 64, 521


def convert(source: Path) -> onnx.ModelProto:
    """Take the quantisation nodes out of the zipped ONNX model and end it with a sigmoid."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(source) as archive:
        archive.extractall(folder)
        (file,) = Path(folder).rglob("model.onnx")
        graph = onnx.load(file).graph  # reads the external weights too, which lie beside it
    origin = {node.output[0]: node.input[0] for node in graph.node if node.op_type in _QUANTISATION}

    def unquantised(name: str) -> str:
        while name in origin:
            name = origin[name]
        return name

    nodes = [_rewired(node, [unquantised(name) for name in node.input]) for node in graph.node if node.output[0] not in origin]
    nodes.append(helper.make_node("Sigmoid", [unquantised("class_scores")], ["scores"]))
    used = {name for node in nodes for name in node.input}
    return build_model(
        "yamnet",
        nodes=nodes,
        inputs=[helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["N", 1, _FRAMES, _BANDS])],
        outputs=[helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", _CLASSES])],
        weights=[tensor for tensor in graph.initializer if tensor.name in used],
    )


def _rewired(node: onnx.NodeProto, inputs: list[str]) -> onnx.NodeProto:
    if node.op_type == "Reshape":
        # The source reshapes to a batch of one; Flatten leaves the batch size free.
        return helper.make_node("Flatten", inputs[:1], list(node.output), name=node.name, axis=1)
    rewired = helper.make_node(node.op_type, inputs, list(node.output), name=node.name)
    rewired.attribute.extend(node.attribute)
    return rewired
