"""Persons of real clips: one stays one, and who squats twice is counted twice."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from support import pictures
from support.engine import Bench

ONE_PERSON = (
    "pose/tfjs_squats_vertical.mp4",
    "pose/tfjs_pose_1.mp4",
    "pose/sam2_woman_dog.mp4",
    "talking/grid_bbaf2n.mpg",
    "talking/latentsync_demo1_vertical.mp4",
    "talking/latentsync_demo3_vertical.mp4",
    "emotion_face/pyfeat_WolfgangLanger_sad_to_happy.mp4",
)
NOBODY = ("camera/moviepy_pan_left_dog.mp4", "camera/intel_bottle_static.mp4", "camera/moviepy_bbb_tilt_down.mp4")
"""A dog that sits up, bottles that are as slender as people, a cartoon."""


@pytest.mark.parametrize("name", ONE_PERSON)
def test_one_person_is_one_track_all_the_time(name: str, vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / name, "body_pose")["body_pose"]
    assert result.status == "succeeded", result.problem
    assert (result.summary.pose.track_count, result.summary.pose.max_simultaneous) == (1, 1)
    seen_s = sum(segment.end_s - segment.start_s for segment in result.segments)
    with av.open(str(shared_media / name)) as clip:
        clip_s = float((clip.duration or 0) / av.time_base)
    assert seen_s >= 0.95 * clip_s


@pytest.mark.parametrize("name", NOBODY)
def test_animals_and_things_are_no_persons(name: str, vision: Bench, shared_media: Path, tmp_path: Path) -> None:
    frames = pictures.read(shared_media / name, 120)
    path = shared_media / name if len(frames) < 120 else pictures.write(tmp_path / "start.mp4", frames, fps=30)
    result = vision.analyze(path, "body_pose")["body_pose"]
    assert result.summary.pose.track_count == 0
    assert not result.segments


@pytest.mark.parametrize("fps", [5, 10])
def test_squats_in_a_loop_are_all_counted_at_any_speed(fps: int, vision: Bench, shared_media: Path, tmp_path: Path) -> None:
    """Two squats, standing at both ends, several times over; twice as fast they take a second and a half each."""
    frames = [one[::2, ::2] for one in pictures.read(shared_media / "pose" / "tfjs_squats_vertical.mp4", 47)]
    path = pictures.write(tmp_path / "loop.mp4", frames * (fps // 5), fps=fps)
    result = vision.analyze(path, "body_pose")["body_pose"]
    assert {one.name: one.repetitions for one in result.summary.pose.actions} == {"squat": 2 * (fps // 5)}


def test_two_squats(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "pose" / "tfjs_squats_vertical.mp4", "body_pose")["body_pose"]
    assert {action.name: action.repetitions for action in result.summary.pose.actions} == {"squat": 2}
    assert {segment.pose.repetitions for segment in result.segments} == {2}


def test_who_bends_to_a_dog_or_balances_on_a_leg_does_nothing_else(vision: Bench, shared_media: Path) -> None:
    balance = vision.analyze_once(shared_media / "pose" / "tfjs_pose_1.mp4", "body_pose")["body_pose"]
    assert [share.label for share in balance.summary.pose.posture_shares] == ["standing"]
    assert {one.name: one.repetitions for one in balance.summary.pose.actions} == {"arms_up": 1}
    bends = vision.analyze_once(shared_media / "pose" / "sam2_woman_dog.mp4", "body_pose")["body_pose"]
    assert not bends.summary.pose.actions


def test_who_sits_is_told_from_who_stands(vision: Bench, shared_media: Path) -> None:
    for name, posture in (("talking/latentsync_demo3_vertical.mp4", "sitting"), ("pose/sam2_woman_dog.mp4", "standing")):
        shares = vision.analyze_once(shared_media / name, "body_pose")["body_pose"].summary.pose.posture_shares
        assert shares[0].label == posture
        assert shares[0].score > 0.8
