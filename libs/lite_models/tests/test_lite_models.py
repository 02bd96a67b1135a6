"""The bundle is what its manifest says: sizes, hashes, inputs, outputs, labels, and nothing beside it."""

import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from reelscope_lite_models import WeightEntry, entries, weights_path

_TENSOR = re.compile(r"(\S+): (float32|int32|uint8)\[([\dN,]+)\]")
_DTYPES = {"tensor(float)": "float32", "tensor(int32)": "int32", "tensor(uint8)": "uint8"}
_SPDX_TEXTS = {"MIT", "Apache-2.0"}

_MEASURED = Path(__file__).parents[4] / "shared" / "lite-models"
"""The networks as they were converted at first, and tried on real pictures."""
_REWRITTEN = {"coco_nanodet_g_416.onnx", "face_mesh_attention_192.onnx", "palm_det_192.onnx", "transnetv2_f16w.onnx"}
"""For speed: the outputs that are left are the same."""
_CUT = "pose_movenet_multi_256.onnx"
"""Its end is in services/vision now, and so is the test that it gives the same."""

_ALL = [pytest.param(entry, id=entry.file) for entry in entries()]
_NETWORKS = [pytest.param(entry, id=entry.file) for entry in entries() if entry.file.endswith(".onnx")]

Signature = dict[str, tuple[str, tuple[str, ...]]]


def _promised(side: str) -> Signature:
    return {name: (dtype, tuple(shape.split(","))) for name, dtype, shape in _TENSOR.findall(side)}


def _found(values: list[onnxruntime.NodeArg]) -> Signature:
    return {
        value.name: (_DTYPES[value.type], tuple(str(size) if isinstance(size, int) else "N" for size in value.shape))
        for value in values
    }


@pytest.mark.parametrize("entry", _ALL)
def test_file_has_the_size_and_hash_of_its_entry(entry: WeightEntry) -> None:
    content = weights_path(entry.file).read_bytes()

    assert len(content) == entry.bytes
    assert hashlib.sha256(content).hexdigest() == entry.sha256


@pytest.mark.parametrize("entry", _ALL)
def test_entry_is_complete(entry: WeightEntry) -> None:
    texts = (entry.name, entry.task, entry.upstream, entry.contract, entry.notes, entry.source.path)

    assert all(text.strip() for text in texts)
    assert "\n" not in entry.contract
    assert set(entry.licence.split(" AND ")) <= _SPDX_TEXTS
    assert entry.source.registry in {"pypi", "npm"}
    assert re.fullmatch(r"\d+(\.\d+)+", entry.source.version)


@pytest.mark.parametrize("entry", _NETWORKS)
def test_network_loads_with_the_inputs_and_outputs_of_its_contract(entry: WeightEntry) -> None:
    inputs, outputs = entry.contract.split(" -> ")

    session = onnxruntime.InferenceSession(weights_path(entry.file), providers=["CPUExecutionProvider"])

    assert _found(session.get_inputs()) == _promised(inputs)
    assert _found(session.get_outputs()) == _promised(outputs)


@pytest.mark.skipif(not _MEASURED.is_dir(), reason="the measured networks are not here")
@pytest.mark.parametrize("entry", [case for case in _NETWORKS if case.id != _CUT])
def test_network_is_the_measured_one(entry: WeightEntry) -> None:
    if entry.file in _REWRITTEN:
        for measured, bundled in _outputs_on_pictures(entry.file):
            np.testing.assert_allclose(bundled, measured, atol=1e-5 * max(1.0, float(np.abs(measured).max())))
    else:
        assert weights_path(entry.file).read_bytes() == (_MEASURED / entry.file).read_bytes()


def _outputs_on_pictures(file: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each output of the measured and the bundled network, on soft pictures of several contrasts."""
    measured, bundled = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for path in (_MEASURED / file, weights_path(file))
    )
    names = [output.name for output in bundled.get_outputs()]
    (tensor,) = measured.get_inputs()
    for contrast in (0.1, 0.3, 0.5):
        wave = np.sin(np.arange(np.prod(tensor.shape), dtype=np.float32) / 997) * np.float32(contrast)
        picture = (0.5 + wave).reshape(tensor.shape)
        feed = {tensor.name: (255 * picture).astype(np.uint8) if tensor.type == "tensor(uint8)" else picture}
        yield from zip(measured.run(names, feed), bundled.run(names, feed), strict=True)


def test_shot_boundaries_need_no_more_than_25_frames_around_them() -> None:
    """A hard cut among 125 frames of two moving pictures, and the same with as little around it as the service shows."""
    session = onnxruntime.InferenceSession(weights_path("transnetv2_f16w.onnx"), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(3)
    shots = [np.kron(generator.integers(0, 255, (9, 16, 3)), np.ones((3, 3, 1))).astype(np.uint8) for _ in range(2)]
    frames = np.stack([np.roll(shots[number >= 60], number // 4, axis=1) for number in range(125)])

    whole, part = (session.run(["single"], {"frames": window[None]})[0].ravel() for window in (frames, frames[29:91]))
    (alone,) = session.run(["single"], {"frames": frames[None, :1]})

    assert int(whole.argmax()) == 29 + int(part.argmax()) == 59
    assert part.max() == pytest.approx(whole.max(), abs=1.0)
    assert alone.shape == (1, 1, 1)


def test_no_file_is_unlisted_and_none_listed_twice() -> None:
    listed = [entry.file for entry in entries()]
    folder = weights_path(listed[0]).parent

    assert sorted(listed) == sorted({path.name for path in folder.iterdir()} - {"manifest.json"})


def test_coco_labels_are_the_80_class_names_in_the_order_of_coco_ids() -> None:
    names = weights_path("coco_labels.txt").read_text(encoding="utf-8").splitlines()

    assert len(names) == len(set(names)) == 80
    assert (names[0], names[62], names[79]) == ("person", "tv", "toothbrush")


def test_audio_class_map_names_each_of_the_521_scores_once() -> None:
    with weights_path("yamnet_class_map.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [int(row["index"]) for row in rows] == list(range(521))
    assert (rows[0]["display_name"], rows[132]["display_name"]) == ("Speech", "Music")


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"'palm\.onnx'.*palm_det_192\.onnx"):
        weights_path("palm.onnx")


def test_name_that_leaves_the_bundle_is_refused() -> None:
    with pytest.raises(KeyError):
        weights_path("../__init__.py")
