from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.tracking.keyframes import keyframe_indices, smooth


def boxes_of(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([x, np.full_like(x, 0.3), np.full_like(x, 0.2), np.full_like(x, 0.4)], axis=1)


def test_straight_motion_needs_two_keyframes() -> None:
    times = np.array([0.0, 0.2, 0.5, 1.1, 1.2])
    assert keyframe_indices(times, boxes_of(0.1 + 0.3 * times), 0.001).tolist() == [0, 4]


def test_a_turn_is_a_keyframe() -> None:
    times = np.arange(11) / 5
    x = np.where(times < 1.0, times * 0.3, 0.6 - times * 0.3)
    assert keyframe_indices(times, boxes_of(x), 0.01).tolist() == [0, 5, 10]


def test_interpolation_stays_within_the_tolerance() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 20, 100))
    boxes = np.cumsum(rng.normal(0, 0.01, (100, 4)), axis=0) + 0.5
    kept = keyframe_indices(times, boxes, 0.015)
    assert len(kept) < 100
    edges = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    for edge in edges.T:
        assert np.abs(np.interp(times, times[kept], edge[kept]) - edge).max() <= 0.015 + 1e-12


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_tracks(count: int) -> None:
    times = np.arange(count) / 5.0
    boxes = boxes_of(times)
    assert keyframe_indices(times, boxes, 0.01).tolist() == list(range(count))
    assert smooth(times, boxes, 0.15).shape == (count, 4)


def test_smoothing_keeps_lines_and_takes_jitter_out() -> None:
    rng = np.random.default_rng(5)
    times = np.arange(60) / 5.0
    line = boxes_of(0.1 + 0.05 * times)
    assert np.allclose(smooth(times, line, 0.15), line)
    noisy = line + rng.normal(0, 0.01, line.shape)
    assert np.abs(smooth(times, noisy, 0.3) - line).mean() < 0.7 * np.abs(noisy - line).mean()
