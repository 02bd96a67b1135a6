"""Persons on the way from one look to the next, by numbers."""

from __future__ import annotations

import numpy as np
import pytest

from reelscope_vision.persons.between import between
from reelscope_vision.persons.person import Person

ASPECT = 0.5


def person(x: float, score: float = 0.8, track: int = 1) -> Person:
    """Upright and 0.8 high, with all joints in the column x."""
    keypoints = np.stack([np.full(17, x), np.linspace(0.1, 0.9, 17), np.full(17, 0.9)], axis=1)
    return Person(track, np.array([x - 0.1, 0.1, 0.2, 0.8]), keypoints, score)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_box_joints_and_score_go_the_same_way(share: float) -> None:
    found = between([person(0.4, 0.6)], [person(0.44, 0.8)], share=share, aspect=ASPECT)
    assert found is not None
    (one,) = found
    assert one.keypoints[:, 0] == pytest.approx(np.full(17, 0.4 + 0.04 * share))
    assert one.box == pytest.approx([0.3 + 0.04 * share, 0.1, 0.2, 0.8])
    assert one.score == pytest.approx(0.6 + 0.2 * share)


def test_who_is_who_goes_by_where_they_are() -> None:
    found = between([person(0.2, track=1), person(0.7, track=2)], [person(0.72), person(0.22)], share=0.5, aspect=ASPECT)
    assert found is not None
    assert {one.track: round(float(one.keypoints[0, 0]), 3) for one in found} == {1: 0.21, 2: 0.71}


def test_a_step_too_far_is_a_guess() -> None:
    """0.08 of 0.8 is 0.064 of the height, and twice as much of the width of a picture that is half as wide."""
    assert between([person(0.4)], [person(0.4 + 0.126)], share=0.5, aspect=ASPECT) is not None
    assert between([person(0.4)], [person(0.4 + 0.13)], share=0.5, aspect=ASPECT) is None


def test_who_came_or_left_is_a_guess() -> None:
    assert between([], [person(0.4)], share=0.5, aspect=ASPECT) is None
    assert between([person(0.4), person(0.8)], [person(0.4)], share=0.5, aspect=ASPECT) is None
    assert between([], [], share=0.5, aspect=ASPECT) == []


def test_joints_that_nobody_sees_have_no_say() -> None:
    far = person(0.4)
    far.keypoints[0] = (0.9, 0.9, 0.1)
    near = person(0.41)
    near.keypoints[0, 2] = 0.1
    assert between([near], [far], share=0.5, aspect=ASPECT) is not None
