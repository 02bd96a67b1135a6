"""When a picture is worth another look, on made pictures whose changes are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.sampling.calm_gate import CalmGate, anywhere, around_objects, on_bodies

BODY = np.array([[0.25, 0.2, 0.5, 0.8]])


@pytest.fixture
def room() -> NDArray[np.uint8]:
    """Coarse structure of usual contrast, 416 x 416."""
    cells = np.random.default_rng(5).integers(30, 220, (13, 13, 3))
    return np.kron(cells, np.ones((32, 32, 1))).astype(np.uint8)


def changed(picture: NDArray[np.uint8], box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    """With another thing in the box x, y, w, h."""
    left, top = int(box[0] * 416), int(box[1] * 416)
    right, bottom = int((box[0] + box[2]) * 416), int((box[1] + box[3]) * 416)
    other = picture.copy()
    other[top:bottom, left:right] = 255 - other[top:bottom, left:right] // 2 if picture.mean() > 127 else 250
    return other


def test_nothing_changes_for_ever(room: NDArray[np.uint8]) -> None:
    gate = CalmGate(0.5)
    assert gate.wants(room, 0.0)
    gate.looked(room, 0.0, anywhere())
    noisy = np.clip(room + np.random.default_rng(1).normal(0, 4, room.shape), 0, 255).astype(np.uint8)
    assert not gate.wants(noisy, 100.0)


def test_a_small_change_waits_and_a_large_one_does_not(room: NDArray[np.uint8]) -> None:
    gate = CalmGate(0.5)
    gate.looked(room, 0.0, anywhere())
    small = changed(room, (0.1, 0.1, 0.06, 0.06))
    assert not gate.wants(small, 0.2)
    assert not gate.wants(small, 0.4)
    assert gate.wants(small, 0.6)
    gate.looked(small, 0.6, anywhere())
    assert gate.wants(changed(room, (0.0, 0.3, 0.12, 0.4)), 0.8)


def test_objects_may_do_what_they_like_within_their_outline(room: NDArray[np.uint8]) -> None:
    for box, wanted in (((0.4, 0.4, 0.2, 0.3), False), ((0.6, 0.4, 0.2, 0.3), True), ((0.0, 0.4, 0.15, 0.3), True)):
        gate = CalmGate(0.5)
        gate.looked(room, 0.0, around_objects(BODY))
        assert gate.wants(changed(room, box), 0.2) == wanted


@pytest.mark.parametrize("size", [0.25, 1.0])
def test_a_hand_of_a_body_counts_near_or_far(size: float, room: NDArray[np.uint8]) -> None:
    body = BODY * size
    gate = CalmGate(0.5)
    gate.looked(room, 0.0, on_bodies(body))
    x, y, width, height = body[0]
    assert gate.wants(changed(room, (x + 0.1 * width, y + 0.5 * height, 0.3 * width, 0.2 * height)), 0.2)


def test_a_dim_picture_counts_by_its_own_contrast(room: NDArray[np.uint8]) -> None:
    dim = (room * 0.2).astype(np.uint8)
    gate = CalmGate(0.5)
    gate.looked(dim, 0.0, anywhere())
    assert gate.wants((changed(room, (0.0, 0.3, 0.12, 0.4)) * 0.2).astype(np.uint8), 0.2)
