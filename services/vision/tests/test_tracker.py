"""The tracker on made tracks whose truth is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.tracking.boxes import expand, iou
from reelscope_vision.tracking.tracker import UNTRACKED, Tracker, TrackerSettings

RATE = 5.0
Box = tuple[float, float, float, float]


def run(
    tracker: Tracker, frames: list[list[Box]], *, score: float = 0.9, labels: list[list[int]] | None = None
) -> list[list[int]]:
    """Ids per frame, frames sampled at 5 a second."""
    found = []
    for number, boxes in enumerate(frames):
        kinds = np.array(labels[number] if labels else [0] * len(boxes))
        array = np.array(boxes).reshape(-1, 4)
        found.append(tracker.update(number / RATE, array, np.full(len(boxes), score), kinds).ids.tolist())
    return found


def moving(start: Box, velocity: tuple[float, float], count: int) -> list[Box]:
    """A box that moves by `velocity` (frame sizes a second)."""
    return [(start[0] + velocity[0] * n / RATE, start[1] + velocity[1] * n / RATE, start[2], start[3]) for n in range(count)]


def test_one_box_keeps_its_id() -> None:
    ids = run(Tracker(), [[box] for box in moving((0.1, 0.4, 0.1, 0.2), (0.2, 0.0), 20)])
    assert ids == [[1]] * 20


def test_crossing_objects_keep_their_ids() -> None:
    left = moving((0.05, 0.40, 0.12, 0.3), (0.2, 0.0), 20)
    right = moving((0.83, 0.46, 0.12, 0.3), (-0.2, 0.0), 20)
    ids = run(Tracker(), [[a, b] for a, b in zip(left, right, strict=True)])
    assert ids == [[1, 2]] * 20


def test_crossing_with_occlusion_keeps_the_ids() -> None:
    """While they overlap the detector sees only the one in front."""
    front = moving((0.05, 0.4, 0.12, 0.3), (0.2, 0.0), 24)
    behind = moving((0.83, 0.4, 0.12, 0.3), (-0.2, 0.0), 24)
    frames = [[a, b] if iou(np.array([a]), np.array([b]))[0, 0] < 0.3 else [a] for a, b in zip(front, behind, strict=True)]
    assert any(len(frame) == 1 for frame in frames)
    ids = run(Tracker(), frames)
    assert ids[-1] == [1, 2]
    assert {one for frame in ids for one in frame} == {1, 2}


def test_object_twice_as_fast_as_its_own_width_is_followed() -> None:
    """At 5 samples a second its boxes no longer overlap once it has accelerated."""
    xs = np.cumsum(np.concatenate([[0.05], np.linspace(0.02, 0.13, 8)]))
    ids = run(Tracker(), [[(float(x), 0.4, 0.12, 0.3)] for x in xs])
    assert ids == [[1]] * len(xs)


@pytest.mark.parametrize(("gap_s", "same"), [(0.4, True), (1.6, True), (2.6, False)])
def test_gap(gap_s: float, same: bool) -> None:
    tracker = Tracker(TrackerSettings(max_gap_s=2.0))
    missing = round(gap_s * RATE)
    frames: list[list[Box]] = [[box] for box in moving((0.1, 0.4, 0.15, 0.3), (0.05, 0.0), 15 + missing)]
    frames[10 : 10 + missing] = [[] for _ in range(missing)]
    ids = run(tracker, frames)
    assert ids[9] == [1]
    assert ids[-1] == ([1] if same else [2])


def test_weak_detections_prolong_but_never_start_a_track() -> None:
    tracker = Tracker(TrackerSettings(high_score=0.5, low_score=0.25, start_score=0.5))
    box = np.array([[0.2, 0.2, 0.2, 0.2]])
    assert tracker.update(0.0, box, np.array([0.3])).ids.tolist() == [UNTRACKED]
    assert tracker.update(0.2, box, np.array([0.8])).ids.tolist() == [1]
    assert tracker.update(0.4, box, np.array([0.3])).ids.tolist() == [1]
    assert tracker.update(0.6, box, np.array([0.2])).ids.tolist() == [UNTRACKED]


def test_reset_ends_all_and_never_reuses_an_id() -> None:
    tracker = Tracker()
    boxes = np.array([[0.1, 0.1, 0.2, 0.2], [0.6, 0.6, 0.2, 0.2]])
    tracker.update(0.0, boxes, np.array([0.9, 0.9]))
    assert tracker.reset() == (1, 2)
    assert tracker.update(0.2, boxes, np.array([0.9, 0.9])).ids.tolist() == [3, 4]


def test_a_lost_track_is_reported_once() -> None:
    tracker = Tracker(TrackerSettings(max_gap_s=1.0))
    tracker.update(0.0, np.array([[0.1, 0.1, 0.2, 0.2]]), np.array([0.9]))
    nothing = np.zeros((0, 4)), np.zeros(0)
    assert tracker.update(0.9, *nothing).ended == ()
    assert tracker.update(1.1, *nothing).ended == (1,)
    assert tracker.update(1.3, *nothing).ended == ()


def test_classes_are_kept_apart_where_boxes_only_touch() -> None:
    """A dog runs past a person: neither takes over the other's track."""
    person: list[Box] = [(0.45, 0.3, 0.12, 0.5)] * 16
    dog = moving((0.1, 0.6, 0.15, 0.2), (0.25, 0.0), 16)
    frames = [[a, b] for a, b in zip(person, dog, strict=True)]
    assert run(Tracker(), frames, labels=[[0, 16]] * 16) == [[1, 2]] * 16


def test_a_detector_that_changes_its_mind_does_not_break_the_track() -> None:
    box: list[Box] = [(0.2, 0.2, 0.3, 0.3)]
    labels = [[2], [2], [7], [2], [7], [2]]
    assert run(Tracker(), [box] * 6, labels=labels) == [[1]] * 6


def test_random_walks_have_few_switches() -> None:
    """Ten objects, a tenth of the detections missing, jitter of 2 %: at most one id switch per 50 detections."""
    rng = np.random.default_rng(7)
    position = rng.uniform(0.05, 0.85, (10, 2))
    velocity = rng.uniform(-0.06, 0.06, (10, 2))
    tracker, previous, switches, count = Tracker(), dict[int, int](), 0, 0
    for frame in range(60):
        velocity = np.where((position < 0.02) | (position > 0.88), -velocity, velocity)
        position = position + velocity / RATE
        seen: NDArray[np.intp] = np.flatnonzero(rng.random(10) > 0.1)
        boxes = np.concatenate([position[seen], np.full((len(seen), 2), 0.1)], axis=1) + rng.normal(0, 0.002, (len(seen), 4))
        ids = tracker.update(frame / RATE, boxes, np.full(len(seen), 0.8)).ids.tolist()
        for thing, identity in zip(seen.tolist(), ids, strict=True):
            switches += previous.get(thing, identity) != identity
            previous[thing] = identity
            count += 1
    assert switches <= count / 50


def test_times_may_be_uneven() -> None:
    """Velocity is per second, not per frame."""
    tracker = Tracker()
    times = [0.0, 0.1, 0.2, 0.9, 1.0, 1.8, 2.0]
    ids = [
        tracker.update(time_s, np.array([[0.05 + 0.3 * time_s, 0.4, 0.12, 0.2]]), np.array([0.9])).ids[0] for time_s in times
    ]
    assert ids == [1] * len(times)
    assert all(after > before for before, after in pairwise(times))


def test_overlap_of_known_boxes() -> None:
    first = np.array([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    second = np.array([[1.0, 0.0, 2.0, 2.0]])
    assert iou(first, second).tolist() == [[pytest.approx(1 / 3)], [0.0]]
    assert expand(second, 0.5).tolist() == [[0.0, -1.0, 4.0, 4.0]]
