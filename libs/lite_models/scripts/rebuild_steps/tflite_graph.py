"""TensorFlow Lite model -> ONNX by tf2onnx, after MediaPipe's custom operation has become a built-in one."""

import struct
import tempfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
import tf2onnx
from tensorflow.lite.python import schema_py_generated as schema

from rebuild_steps.errors import RebuildError
from rebuild_steps.onnx_rewrites import OPSET

_FILE_IDENTIFIER = b"TFL3"
_MEDIAPIPE_TRANSPOSE_CONVOLUTION = b"Convolution2DTransposeBias"
_TRANSPOSE_CONVOLUTION_WITH_BIAS = 3  # first version of the built-in operation that takes a bias
_CUSTOM_OPTIONS = struct.Struct("<iii")  # MediaPipe's TfLiteTransposeConvParams: padding, stride width, stride height
_PADDING = {1: schema.Padding.SAME, 2: schema.Padding.VALID}  # kTfLitePaddingSame, kTfLitePaddingValid


class UnsupportedOperationError(RebuildError):
    """The model holds a custom operation that this conversion does not know."""


def convert(source: Path) -> onnx.ModelProto:
    """Convert a TensorFlow Lite model.

    Raises:
        UnsupportedOperationError: If a custom operation is not known.
    """
    with tempfile.TemporaryDirectory() as folder:
        builtin = Path(folder) / source.name
        builtin.write_bytes(_with_builtin_operations(source.read_bytes()))
        model, _ = tf2onnx.convert.from_tflite(str(builtin), opset=OPSET)
    assert isinstance(model, onnx.ModelProto)  # noqa: S101 - narrows the untyped converter's result
    return model


def _with_builtin_operations(content: bytes) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    graph = model.subgraphs[0]
    custom = [node for node in graph.operators if model.operatorCodes[node.opcodeIndex].customCode is not None]
    if not custom:
        return content
    for node in custom:
        code = model.operatorCodes[node.opcodeIndex].customCode
        if code != _MEDIAPIPE_TRANSPOSE_CONVOLUTION:
            msg = f"custom operation {code!r} is not known; write its built-in form beside the transposed convolution"
            raise UnsupportedOperationError(msg)
        _use_builtin_transpose_convolution(model, graph, node)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())


def _use_builtin_transpose_convolution(model: Any, graph: Any, node: Any) -> None:  # noqa: ANN401 - generated, untyped
    """Turn (values, kernel, bias) with MediaPipe's options into TRANSPOSE_CONV (output shape, kernel, values, bias)."""
    padding, stride_width, stride_height = _CUSTOM_OPTIONS.unpack(bytes(node.customOptions[: _CUSTOM_OPTIONS.size]))
    values, kernel, bias = node.inputs
    output_shape = np.asarray(graph.tensors[node.outputs[0]].shape, np.int32)

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(output_shape.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name = b"transpose_conv_output_shape"
    tensor.type = schema.TensorType.INT32
    tensor.shape = [len(output_shape)]
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.TRANSPOSE_CONV
    code.version = _TRANSPOSE_CONVOLUTION_WITH_BIAS
    model.operatorCodes.append(code)

    options = schema.TransposeConvOptionsT()
    options.padding = _PADDING[padding]
    options.strideW, options.strideH = stride_width, stride_height
    node.opcodeIndex = len(model.operatorCodes) - 1
    node.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
    node.builtinOptions = options
    node.customOptions = None
    node.inputs = [len(graph.tensors) - 1, kernel, values, bias]
