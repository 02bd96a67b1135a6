"""The poses that are read from MoveNet's maps are those that the published graph gives."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from reelscope_lite_models import weights_path
from reelscope_runtime.media.items import Image
from reelscope_vision.nets.movenet import KEYPOINTS, SIZE, find

SHARED = Path(__file__).parents[4] / "shared"
PUBLISHED = SHARED / "lite-models" / "pose_movenet_multi_256.onnx"

_LEAST = 0.2

pytestmark = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published weights are not here")


class _Network:
    """The bundled network, with the shapes of the pictures that it saw."""

    def __init__(self) -> None:
        self._session = onnxruntime.InferenceSession(weights_path(PUBLISHED.name), providers=["CPUExecutionProvider"])
        self.shapes: list[tuple[int, ...]] = []

    def run(self, outputs: tuple[str, ...], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.shapes += [feed.shape for feed in feeds.values()]
        found: list[np.ndarray] = self._session.run(list(outputs), feeds)
        return found


@pytest.fixture(scope="module")
def network() -> _Network:
    return _Network()


@pytest.fixture(scope="module")
def squares() -> list[Image]:
    """Frames with one person and with a class of them, cut to squares."""
    pictures = []
    for name, seconds in (("pose/tfjs_pose_1.mp4", (0, 1, 2)), ("camera/pexels_teacher_push_in.mp4", (0, 2, 4))):
        capture = cv2.VideoCapture(str(SHARED / "media" / name))
        for second in seconds:
            capture.set(cv2.CAP_PROP_POS_MSEC, second * 1000)
            picture = capture.read()[1][..., ::-1]
            side = min(picture.shape[:2])
            pictures.append(np.ascontiguousarray(picture[:side, :side]))
    return pictures


def _published(picture: Image) -> np.ndarray:
    """Rows [n, 56] of the published graph, best first, in pixels of a square picture."""
    session = onnxruntime.InferenceSession(PUBLISHED, providers=["CPUExecutionProvider"])
    small = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    rows = session.run(None, {"input:0": small[None].astype(np.int32)})[0][0].astype(np.float64)
    rows = rows[np.argsort(-rows[:, 55], kind="stable")]
    side = len(picture)
    rows[:, 51:55] *= side
    rows[:, :51].reshape(-1, len(KEYPOINTS), 3)[..., :2] *= side
    return rows[rows[:, 55] >= _LEAST]


def test_poses_in_squares_are_the_published_ones(network: _Network, squares: list[Image]) -> None:
    persons = 0
    for picture in squares:
        expected = _published(picture)
        found = find(network, picture, min_score=_LEAST)

        assert len(found) == len(expected)
        for pose, row in zip(found, expected, strict=True):
            keypoints = row[:51].reshape(len(KEYPOINTS), 3)
            np.testing.assert_allclose(pose.score, row[55], atol=1e-3)
            np.testing.assert_allclose(pose.keypoints[:, 2], keypoints[:, 2], atol=2e-3)
            np.testing.assert_allclose(pose.box, row[[52, 51, 54, 53]], atol=0.01 * len(picture))
            sure = keypoints[:, 2] > _LEAST
            np.testing.assert_allclose(pose.keypoints[sure, :2], keypoints[sure, 1::-1], atol=0.002 * len(picture))
            persons += 1
    assert persons >= 8


@pytest.mark.parametrize(
    ("width", "height", "shape"), [(9, 16, (256, 160)), (16, 9, (160, 256)), (4, 5, (256, 256)), (1, 16, (256, 32))]
)
def test_a_clip_s_shape_is_the_network_s_where_that_saves_much(
    network: _Network, width: int, height: int, shape: tuple[int, int]
) -> None:
    network.shapes.clear()

    assert find(network, np.zeros((height * 20, width * 20, 3), np.uint8), min_score=_LEAST) == []

    assert network.shapes == [(1, 3, *shape)]


def test_a_person_is_where_it_was_when_the_square_around_goes(network: _Network, squares: list[Image]) -> None:
    square = squares[0]
    side = len(square)
    left = side * 7 // 32
    (whole,) = find(network, square, min_score=_LEAST)

    (narrow,) = find(network, np.ascontiguousarray(square[:, left : left + side * 9 // 16]), min_score=_LEAST)

    sure = (whole.keypoints[:, 2] > 0.5) & (narrow.keypoints[:, 2] > 0.5)
    assert sure.sum() >= 10
    shift = narrow.keypoints[sure, :2] + (left, 0) - whole.keypoints[sure, :2]
    assert np.median(np.abs(shift)) < 0.01 * side
