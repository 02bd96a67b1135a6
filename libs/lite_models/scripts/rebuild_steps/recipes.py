"""Which conversion makes which bundled file, and what the rebuilt networks are fed when they are compared."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import onnx

from rebuild_steps import face_expression, labels, movenet, tfjs_graph, tflite_graph, transnet, yamnet
from rebuild_steps.onnx_rewrites import (
    drop_output,
    expand_prelu,
    fold_prelu,
    free_size,
    round_weights_to_half,
    store_exact_weights_as_half,
)

# Weights shorter than this stay f32 where f16 would lose precision: they weigh little, and first layers matter most.
_TRANSNET_MIN_HALF_ELEMENTS = 4096
_YAMNET_MIN_HALF_ELEMENTS = 1024

_MOVENET_INPUT = (1, 256, 256, 3)

# Nobody reads the lips' own points, which take a tenth of the network's time.
_LIPS = "output_lips:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a file is made from the source file that the manifest names."""

    build: Callable[[Path, Path], None]
    """Takes the source file and the file to write."""
    input_range: tuple[float, float] | None = None
    """Lowest and highest input of the contract; None for files that are no network."""


def _network(
    *steps: Callable[[onnx.ModelProto], None], load: Callable[[Path], onnx.ModelProto]
) -> Callable[[Path, Path], None]:
    def build(source: Path, target: Path) -> None:
        model = load(source)
        for step in steps:
            step(model)
        onnx.save(model, target)

    return build


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _write_coco_names(source: Path, target: Path) -> None:
    target.write_text(labels.coco_names(source), encoding="utf-8")


_tflite = partial(_network, load=tflite_graph.convert)
_tfjs = partial(_network, load=tfjs_graph.convert)

RECIPES = {
    "face_det_full_192.onnx": Recipe(build=_tflite(store_exact_weights_as_half), input_range=(-1, 1)),
    "face_mesh_attention_192.onnx": Recipe(
        build=_tfjs(partial(drop_output, name=_LIPS), fold_prelu, expand_prelu, store_exact_weights_as_half),
        input_range=(0, 1),
    ),
    "emotion_fer_minixception_64.onnx": Recipe(build=_tfjs(store_exact_weights_as_half), input_range=(-1, 1)),
    "emotion_faceapi_112.onnx": Recipe(
        build=_network(store_exact_weights_as_half, load=face_expression.convert), input_range=(0, 255)
    ),
    "age_gender_faceres_224.onnx": Recipe(build=_tfjs(store_exact_weights_as_half), input_range=(-124, 152)),
    "pose_movenet_multi_256.onnx": Recipe(
        build=_network(
            movenet.keep_network, store_exact_weights_as_half, load=partial(tfjs_graph.convert, input_shape=_MOVENET_INPUT)
        ),
        input_range=(-1, 1),
    ),
    "palm_det_192.onnx": Recipe(build=_tflite(expand_prelu, store_exact_weights_as_half), input_range=(0, 1)),
    "hand_landmark_224.onnx": Recipe(build=_tflite(store_exact_weights_as_half), input_range=(0, 1)),
    "selfie_landscape_144x256.onnx": Recipe(build=_tflite(store_exact_weights_as_half), input_range=(0, 1)),
    "coco_nanodet_g_416.onnx": Recipe(build=_tfjs(free_size, store_exact_weights_as_half), input_range=(-2.2, 2.7)),
    "coco_labels.txt": Recipe(build=_write_coco_names),
    "transnetv2_f16w.onnx": Recipe(
        build=_network(partial(round_weights_to_half, min_elements=_TRANSNET_MIN_HALF_ELEMENTS), load=transnet.convert),
        input_range=(0, 255),
    ),
    "yamnet_f16w.onnx": Recipe(
        build=_network(partial(round_weights_to_half, min_elements=_YAMNET_MIN_HALF_ELEMENTS), load=yamnet.convert),
        input_range=(-7, 5),
    ),
    "yamnet_class_map.csv": Recipe(build=_copy),
}
