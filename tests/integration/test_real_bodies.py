"""Persons of real clips: one stays one, and who squats twice is counted twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engine import Bench, benches

ONE_PERSON = (
    "pose/tfjs_squats_vertical.mp4",
    "pose/tfjs_pose_1.mp4",
    "pose/sam2_woman_dog.mp4",
    "talking/grid_bbaf2n.mpg",
    "talking/latentsync_demo1_vertical.mp4",
    "talking/latentsync_demo3_vertical.mp4",
)


@pytest.fixture(scope="module")
def vision(shared_media: Path) -> Iterator[Bench]:
    del shared_media
    with benches("vision") as made:
        yield made["vision"]


@pytest.mark.parametrize("name", ONE_PERSON)
def test_one_person_is_one_track_all_the_time(name: str, vision: Bench, shared_media: Path) -> None:
    result = vision.analyze(shared_media / name, "body_pose")["body_pose"]
    assert result.status == "succeeded", result.problem
    assert (result.summary.pose.track_count, result.summary.pose.max_simultaneous) == (1, 1)
    seen_s = sum(segment.end_s - segment.start_s for segment in result.segments)
    path_s = max(segment.end_s for segment in result.segments)
    assert seen_s >= 0.95 * path_s


def test_two_squats(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze(shared_media / "pose" / "tfjs_squats_vertical.mp4", "body_pose")["body_pose"]
    assert {action.name: action.repetitions for action in result.summary.pose.actions} == {"squat": 2}
    assert {segment.pose.repetitions for segment in result.segments} == {2}


def test_who_sits_is_told_from_who_stands(vision: Bench, shared_media: Path) -> None:
    for name, posture in (("talking/latentsync_demo3_vertical.mp4", "sitting"), ("pose/sam2_woman_dog.mp4", "standing")):
        shares = vision.analyze(shared_media / name, "body_pose")["body_pose"].summary.pose.posture_shares
        assert shares[0].label == posture
        assert shares[0].score > 0.8
