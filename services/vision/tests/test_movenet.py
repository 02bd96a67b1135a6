"""The poses that are read from MoveNet's maps: made ones, and those of clips, which are as the published graph gives them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from movenet_lab import CELL, SIDE, empty_maps

from reelscope_lite_models import weights_path
from reelscope_runtime.media.items import Image
from reelscope_vision.nets.movenet import KEYPOINTS, SIZE, Pose, find

SHARED = Path(__file__).parents[4] / "shared"
PUBLISHED = SHARED / "lite-models" / "pose_movenet_multi_256.onnx"

_LEAST = 0.2

real = pytest.mark.skipif(
    not (PUBLISHED.is_file() and (SHARED / "media").is_dir()), reason="the published weights and clips are not here"
)


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


@real
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
    ("width", "height", "shape"), [(9, 16, (256, 160)), (16, 9, (256, 256)), (4, 5, (256, 256)), (1, 16, (256, 32))]
)
def test_of_an_upright_picture_s_square_only_what_it_covers_is_seen(
    network: _Network, width: int, height: int, shape: tuple[int, int]
) -> None:
    network.shapes.clear()

    assert find(network, np.zeros((height * 20, width * 20, 3), np.uint8), min_score=_LEAST) == []

    assert network.shapes == [(1, 3, *shape)]


@real
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


class _Made:
    """A network that sees made persons in any square: their middles, and all their keypoints in one column."""

    def __init__(self) -> None:
        self._maps = empty_maps()

    def person(self, y: int, x: int, *, score: float = 0.9, height: float = 40.0, width: float = 20.0) -> None:
        """One about the cell (y, x) whose keypoints lie below each other, a cell apart, from 8 above it on."""
        self._maps["centers"][0, 0, y, x] = score
        self._maps["box_sizes"][0, :, y, x] = height, width
        for point in range(len(KEYPOINTS)):
            self._maps["keypoint_steps"][0, 2 * point, y, x] = point - 8
            row = min(max(y + point - 8, 0), SIDE - 1)
            self._maps["keypoints"][0, point, row, x] = 0.8

    def run(self, outputs: tuple[str, ...], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        del feeds
        return [self._maps[name] for name in outputs]


def _found(network: _Made) -> list[Pose]:
    return find(network, np.zeros((SIZE, SIZE, 3), np.uint8), min_score=_LEAST)


def test_a_person_has_its_keypoints_and_its_box() -> None:
    network = _Made()
    network.person(30, 20)

    (pose,) = _found(network)

    assert pose.score == pytest.approx(0.9 * 0.8)
    np.testing.assert_allclose(pose.keypoints, [(20 * CELL, (22 + point) * CELL, 0.8) for point in range(17)], rtol=1e-6)
    np.testing.assert_allclose(pose.box, np.array([20 - 10, 30 - 20, 20 + 10, 30 + 20]) * CELL, rtol=1e-6)


def test_neighbours_have_each_their_own_keypoints() -> None:
    network = _Made()
    network.person(30, 20)
    network.person(30, 26, score=0.8)

    first, second = _found(network)

    assert set(first.keypoints[:, 0]) == {20 * CELL}
    assert set(second.keypoints[:, 0]) == {26 * CELL}


def test_two_middles_within_two_cells_are_one_person() -> None:
    network = _Made()
    network.person(30, 20)
    network.person(31, 22, score=0.8)

    assert len(_found(network)) == 1


def test_six_persons_at_most() -> None:
    network = _Made()
    for x in range(4, 60, 8):
        network.person(30, x, width=6)

    assert len(_found(network)) == 6


def test_a_person_at_the_edge_ends_there() -> None:
    network = _Made()
    network.person(2, 1)

    (pose,) = _found(network)

    np.testing.assert_allclose(pose.box, np.array([0, 0, 11, 22]) * CELL, rtol=1e-6)
    assert (pose.keypoints[:, :2] >= 0).all()


@pytest.mark.parametrize(("height", "width"), [(0.0, 0.0), (-5.0, 20.0), (40.0, 0.0)])
def test_a_middle_without_a_body_is_nobody(height: float, width: float) -> None:
    network = _Made()
    network.person(30, 20, height=height, width=width)

    assert _found(network) == []


def test_nothing_is_nobody() -> None:
    assert _found(_Made()) == []
