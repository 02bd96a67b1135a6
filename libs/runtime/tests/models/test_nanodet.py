from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_runtime.models import Manifest, ModelPool, ModelStore, load_onnx
from reelscope_runtime.models.nets.coco import COCO_LABELS
from reelscope_runtime.models.nets.nanodet import NANODET_SIZE, decode, detect, placement_of, preprocess
from reelscope_runtime.models.nets.nms import class_wise_nms
from reelscope_runtime.settings import ModelSettings

MEDIA = Path(__file__).parents[5] / "shared" / "media"


def _outputs() -> list[NDArray[np.float32]]:
    """Outputs that say nothing."""
    return [np.zeros((1, (NANODET_SIZE // stride) ** 2, size), np.float32) for stride in (8, 16, 32) for size in (80, 44)]


def _put(outputs: list[NDArray[np.float32]], level: int, cell: int, *, label: str, score: float, bins: list[int]) -> None:
    outputs[2 * level][0, cell, COCO_LABELS.index(label)] = score
    for side, distance in enumerate(bins):
        outputs[2 * level + 1][0, cell, side * 11 + distance] = 100.0


def test_input_is_normalised_bgr_planes() -> None:
    frame = np.zeros((416, 416, 3), np.uint8)
    frame[..., 0] = 200  # red

    planes = preprocess(frame)

    assert planes.shape == (1, 3, 416, 416)
    assert planes.dtype == np.float32
    np.testing.assert_allclose(planes[0, :, 0, 0], [-103.53 / 57.375, -116.28 / 57.12, (200 - 123.675) / 58.395], rtol=1e-5)


class _Recorder:
    """A network that says nothing but one dog, in cell (6, 4) of stride 32, and keeps what it is asked."""

    def __init__(self) -> None:
        self.inputs: list[NDArray[np.float32]] = []

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        assert outputs is not None
        (planes,) = feeds.values()
        self.inputs.append(planes)
        rows, columns = (side // 32 for side in planes.shape[2:])
        cells = [rows * columns * finer**2 for finer in (4, 2, 1)]
        maps = [np.zeros((1, count, size), np.float32) for count in cells for size in (80, 44)]
        _put(maps, 2, 6 * columns + 4, label="dog", score=0.9, bins=[1, 1, 1, 1])
        return maps


def test_bars_are_not_looked_at_and_boxes_stay_where_they_are() -> None:
    # 1080x1920 lies in columns 91 to 325 of the frame; the network sees 80 to 336, so that the cell's centre is at (224, 208).
    frame = np.zeros((416, 416, 3), np.uint8)
    frame[:, 91:325] = 255
    network = _Recorder()

    ((found,),) = detect(network, [frame], placement_of(1080, 1920))

    (planes,) = network.inputs
    assert planes.shape == (1, 3, 416, 256)
    np.testing.assert_allclose(planes[0], preprocess(frame)[0, :, :, 80:336])
    assert (found.x, found.y) == pytest.approx(((224 - 32 - 91) / 234, (208 - 32) / 416))
    assert (found.width, found.height) == pytest.approx((64 / 234, 64 / 416))


@pytest.mark.parametrize(("size", "shape"), [((1920, 1080), (256, 416)), ((1, 5000), (416, 32)), ((500, 500), (416, 416))])
def test_the_network_sees_no_more_than_it_must(size: tuple[int, int], shape: tuple[int, int]) -> None:
    network = _Recorder()

    detect(network, [np.zeros((416, 416, 3), np.uint8)], placement_of(*size))

    assert network.inputs[0].shape == (1, 3, *shape)


def test_frames_that_are_not_letterboxed_are_refused() -> None:
    with pytest.raises(ValueError, match="letterboxed"):
        detect(_Recorder(), [np.zeros((416, 234, 3), np.uint8)], placement_of(1080, 1920))


def test_a_box_is_given_in_the_source_picture() -> None:
    # 1600x800 lies in rows 104 to 312 of the frame. Cell (6, 6) of stride 32 has its centre at (208, 208).
    outputs = _outputs()
    _put(outputs, 2, 6 * 13 + 6, label="dog", score=0.9, bins=[2, 1, 2, 1])

    (found,) = decode(outputs, placement_of(1600, 800))

    assert found.label == "dog"
    assert found.score == pytest.approx(0.9)
    assert (found.x, found.y) == pytest.approx(((208 - 64) / 416, (208 - 32 - 104) / 208))
    assert (found.width, found.height) == pytest.approx((128 / 416, 64 / 208))


def test_a_box_ends_at_the_picture_and_one_on_the_bars_is_none() -> None:
    outputs = _outputs()
    _put(outputs, 2, 6 * 13 + 0, label="cat", score=0.9, bins=[10, 1, 10, 1])
    _put(outputs, 2, 0 * 13 + 6, label="dog", score=0.9, bins=[1, 1, 1, 1])  # centre at y = 16, above the picture

    (found,) = decode(outputs, placement_of(1600, 800))

    assert found.label == "cat"
    assert found.x == 0.0


def test_doubles_of_one_class_go_and_other_classes_stay() -> None:
    outputs = _outputs()
    _put(outputs, 2, 6 * 13 + 6, label="dog", score=0.6, bins=[3, 3, 3, 3])
    _put(outputs, 1, 13 * 26 + 13, label="dog", score=0.8, bins=[6, 6, 6, 6])
    _put(outputs, 0, 26 * 52 + 26, label="cat", score=0.5, bins=[10, 10, 10, 10])

    found = decode(outputs, placement_of(416, 416))

    assert [(detection.label, round(detection.score, 2)) for detection in found] == [("dog", 0.8), ("cat", 0.5)]
    assert decode(_outputs(), placement_of(416, 416)) == []


def test_suppression_keeps_what_overlaps_little() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [8, 0, 18, 10], [0, 0, 10, 10]], np.float32)
    scores = np.array([0.5, 0.9, 0.4, 0.3], np.float32)
    classes = np.array([0, 0, 0, 1])

    assert class_wise_nms(boxes, scores, classes, max_iou=0.5).tolist() == [1, 2, 3]


@pytest.mark.skipif(not MEDIA.is_dir(), reason="the shared media are not here")
def test_the_woman_and_her_dog_are_found(lite_package: Path, settings: ModelSettings) -> None:
    assert lite_package
    av = pytest.importorskip("av")
    frames, width, height = [], 0, 0
    with av.open(str(MEDIA / "pose" / "sam2_woman_dog.mp4")) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 30 == 0:
                width, height = frame.width, frame.height
                place = placement_of(width, height)
                canvas = np.zeros((NANODET_SIZE, NANODET_SIZE, 3), np.uint8)
                picture = frame.reformat(place.width, place.height, "rgb24", interpolation="AREA").to_ndarray()
                canvas[place.top : place.top + place.height, place.left : place.left + place.width] = picture
                frames.append(canvas)
    pool = ModelPool(ModelStore(Manifest.load("reelscope_vision"), settings), settings, {"onnx": load_onnx})
    with pool.lease("object_detection") as lease:
        per_frame = detect(lease.model, np.stack(frames), placement_of(width, height))

    labels = [{detection.label for detection in found} for found in per_frame]
    # She stands in every frame, the dog jumps; a net of mAP 23 misses some.
    assert sum("person" in found for found in labels) >= 0.7 * len(labels)
    assert sum("dog" in found for found in labels) >= 0.5 * len(labels)
    assert all(0 <= d.x <= d.x + d.width <= 1 + 1e-6 and d.height > 0 for found in per_frame for d in found)
