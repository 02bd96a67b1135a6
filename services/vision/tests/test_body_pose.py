"""Postures and actions of made bodies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment, Summary
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_vision.analyzers.body_pose import BodyPose
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.persons.skeleton import skeleton

STANDING = np.array(
    [
        *(
            (0, -1.45),
            (0.1, -1.5),
            (-0.1, -1.5),
            (0.15, -1.45),
            (-0.15, -1.45),
            (0.3, -1),
            (-0.3, -1),
            (0.4, -0.5),
            (-0.4, -0.5),
        ),
        *((0.4, 0), (-0.4, 0), (0.2, 0), (-0.2, 0), (0.2, 0.85), (-0.2, 0.85), (0.2, 1.7), (-0.2, 1.7)),
    ],
    float,
)
"""Keypoints of somebody who stands and faces the camera, in torsos from the hips."""


def body(
    *, squat: float = 0.0, lift: float = 0.0, arms: float = 0.0, hands: float = 0.4, back: bool = False
) -> NDArray[np.float64]:
    """Keypoints [17, 2] in torsos: `squat` 1 is down, `lift` is off the ground, `arms` is how far the hands are raised."""
    points = STANDING.copy()
    drop = 0.55 * squat
    points[:13, 1] += drop
    points[13:15, 1] += 0.05 * squat
    points[[9, 10], 1] = drop - arms
    points[9, 0], points[10, 0] = hands, -hands
    points[:, 1] -= lift
    return points * (-1 if back else 1, 1)


def run(
    frames: list[NDArray[np.float64]], fps: float = 10.0, scale: float = 0.15, hidden: tuple[int, ...] = ()
) -> tuple[list[Segment], Summary]:
    info = MediaInfo(duration_s=len(frames) / fps)
    info.video.duration_s = len(frames) / fps
    node = BodyPose(NodeContext(media=info, options=AnalyzeOptions(), model=lambda _: None))
    segments: list[Segment] = []
    for at, points in enumerate(frames):
        placed = np.concatenate([points * (scale / 0.5625, scale) + (0.5, 0.55), np.full((17, 1), 0.8)], axis=1)
        placed[list(hidden), 2] = 0.1
        low, high = placed[:, :2].min(axis=0), placed[:, :2].max(axis=0)
        person = Person(1, np.concatenate([low, high - low]), placed, 0.7)
        segments += node.process(Item("person_tracks", at / fps, (at + 1) / fps, at, FramePersons((person,), 0.5625)))
    segments += node.flush()
    assert all(before.end_s == pytest.approx(after.start_s) for before, after in pairwise(segments))
    return segments, node.summary()


def cycles(
    count: int, make: Callable[[float], NDArray[np.float64]], *, frames: int = 24, rest: int = 8
) -> list[NDArray[np.float64]]:
    """Up and down so many times, resting between."""
    one = [make((1 - np.cos(2 * np.pi * at / frames)) / 2) for at in range(frames)] + [make(0.0)] * rest
    return [make(0.0)] * rest + one * count


def counted(summary: Summary) -> dict[str, int]:
    return {action.name: action.repetitions for action in summary.pose.actions}


@pytest.mark.parametrize("scale", [0.06, 0.15, 0.25])
@pytest.mark.parametrize("count", [1, 3])
def test_squats_are_counted_at_any_distance(count: int, scale: float) -> None:
    segments, summary = run(cycles(count, lambda depth: body(squat=depth)), scale=scale)
    assert counted(summary) == {"squat": count}
    assert {segment.pose.repetitions for segment in segments} == {count}
    assert {"standing", "crouching"} == {segment.pose.posture for segment in segments}
    found = [action for segment in segments for action in segment.pose.actions]
    assert all(1.0 < action.end_s - action.start_s < 3.0 for action in found)


def test_a_squat_that_the_clip_cuts_off_is_none() -> None:
    _, summary = run([body()] * 10 + [body(squat=at / 10) for at in range(11)])
    assert "squat" not in counted(summary)


def test_half_a_bend_is_no_squat() -> None:
    assert not counted(run(cycles(3, lambda depth: body(squat=0.3 * depth)))[1])


def test_knees_that_move_without_the_hips_are_no_squat() -> None:
    """Of who is hidden up to the waist, the network guesses where the knees are."""

    def guessed(share: float) -> NDArray[np.float64]:
        points = body()
        points[13:15, 1] -= 0.5 * share
        return points

    assert not counted(run(cycles(3, guessed))[1])


def test_who_stands_on_one_leg_stands() -> None:
    """With the carrying knee a little bent: the lifted one says nothing of the hips."""
    points = body()
    points[13], points[15] = (0.35, 0.2), (0.2, 0.6)
    points[14, 1], points[16, 1] = 0.53, 1.5
    segments, summary = run([body()] * 10 + [points] * 20 + [body()] * 10)
    assert {segment.pose.posture for segment in segments} == {"standing"}
    assert not counted(summary)


@pytest.mark.parametrize("frames", [12, 24, 48])
def test_hands_that_are_clasped_in_a_squat_do_not_clap(frames: int) -> None:
    def squat(depth: float) -> NDArray[np.float64]:
        return body(squat=depth, arms=0.6, hands=0.6 - 0.5 * min(1.0, 2 * depth))

    assert counted(run(cycles(4, squat, frames=frames))[1]) == {"squat": 4}


def test_sitting_is_no_squat() -> None:
    segments, summary = run([body(squat=1.0)] * 80)
    assert [segment.pose.posture for segment in segments] == ["sitting"]
    assert not counted(summary)


def test_lying() -> None:
    lying = body()[:, ::-1].copy()
    segments, _ = run([lying] * 20)
    assert [segment.pose.posture for segment in segments] == ["lying"]


def test_arms_up_and_down() -> None:
    segments, summary = run([body()] * 10 + [body(arms=2.3)] * 10 + [body()] * 10)
    assert counted(summary) == {"arms_up": 1}
    (action,) = [action for segment in segments for action in segment.pose.actions]
    assert (action.start_s, action.end_s) == (pytest.approx(1.0), pytest.approx(2.0))


def test_jumps_are_counted() -> None:
    jump = [body(lift=0.5 * np.sin(np.pi * at / 6)) for at in range(7)]
    _, summary = run([body()] * 10 + jump + [body()] * 12 + jump + [body()] * 10)
    assert counted(summary) == {"jump": 2}


def test_the_ground_is_known_at_any_rate_of_pictures() -> None:
    """The median is over seconds: over a number of pictures, it would be in the air itself at 30 a second."""
    jump = [body(lift=0.5 * np.sin(np.pi * at / 21)) for at in range(22)]
    _, summary = run([body()] * 40 + jump + [body()] * 40, fps=30.0)
    assert counted(summary) == {"jump": 1}


def test_claps_are_counted() -> None:
    clap = [body(arms=0.6, hands=at) for at in (0.6, 0.3, 0.05, 0.3, 0.6)]
    assert counted(run([body(arms=0.6, hands=0.6)] * 5 + clap * 4)[1])["clap"] == 4


def test_a_turn_shows_the_back() -> None:
    assert counted(run([body()] * 10 + [body(back=True)] * 10)[1]) == {"turn": 1}


def in_profile(points: NDArray[np.float64], width: float = 0.1) -> NDArray[np.float64]:
    return points * (width, 1.0)


def test_arms_that_swing_in_profile_do_not_clap_and_shoulders_there_do_not_turn() -> None:
    frames = []
    for at in range(60):
        swing = 0.45 * np.sin(2 * np.pi * at / 10)
        points = in_profile(body(), 0.3 * np.sin(2 * np.pi * at / 14))
        points[9], points[10] = (swing, -0.05), (-swing, -0.05)
        frames.append(points)
    assert not counted(run(frames)[1])


def test_arms_are_raised_of_who_shows_the_back() -> None:
    """The network gives no nose there."""
    frames = [body(back=True)] * 10 + [body(back=True, arms=2.3)] * 10 + [body(back=True)] * 10
    assert counted(run(frames, hidden=(0, 1, 2))[1]) == {"arms_up": 1}


def test_standing_still_is_nothing_but_standing() -> None:
    random = np.random.default_rng(0)
    segments, summary = run([body() + 0.02 * random.standard_normal((17, 2)) for _ in range(60)])
    assert not counted(summary)
    assert [segment.pose.posture for segment in segments] == ["standing"]
    assert segments[0].pose.motion_energy < 0.2
    assert 2 <= len(segments[0].pose.poses) <= 61


def test_a_body_without_a_torso_tells_nothing() -> None:
    hidden = np.concatenate([STANDING, np.full((17, 1), 0.1)], axis=1)
    assert skeleton(0.0, hidden, 1.0) is None
