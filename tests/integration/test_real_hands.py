"""Hands of real clips, as SOURCES.tsv has them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from reelscope_runtime.engine.protocols import LeasedModel
from reelscope_runtime.errors import ModelUnavailableError
from reelscope_vision.nets.movenet import Pose
from support.engine import Bench

NO_HANDS = ["talking/grid_bbaf2n.mpg", "talking/grid_lwbsza.mpg", "camera/moviepy_bbb_tilt_down.mp4", "cuts/psd_counter.mp4"]


def test_one_hand_through_the_clip(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "hands" / "tfjs_asl_hand_vertical.mp4", "hand_gesture")["hand_gesture"]
    assert result.summary.hand.max_simultaneous == 1
    assert {one.hand.track_id for one in result.segments} == {1}
    assert result.summary.hand.screen_time_share == pytest.approx(1.0, abs=0.05)
    at = {
        time_s: next(one.hand.gesture for one in result.segments if one.start_s <= time_s < one.end_s)
        for time_s in (0.2, 4.5, 5.5)
    }
    assert at == {0.2: "fist", 4.5: "fist", 5.5: "pointing"}
    assert not {one.hand.gesture for one in result.segments} & {"thumb_up", "thumb_down", "open_palm", "call_me", "ok"}


def test_both_hands_of_a_speaker(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "talking" / "latentsync_demo3_vertical.mp4", "hand_gesture")["hand_gesture"]
    assert result.summary.hand.max_simultaneous >= 2
    assert {one.hand.person_track_id for one in result.segments} == {1}
    first = {one.hand.track_id: one.hand.handedness for one in result.segments if one.start_s < 1}
    assert sorted(first.values()) == ["left", "right"]


def test_two_hands_that_clasp_and_part_stay_two_tracks(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "pose" / "tfjs_squats_vertical.mp4", "hand_gesture")["hand_gesture"]
    assert result.summary.hand.max_simultaneous == 2
    sides = {one.hand.track_id: one.hand.handedness for one in result.segments}
    assert sorted(sides.values()) == ["left", "right"]


def test_the_hand_that_says_thanks(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "hands" / "intel_asl_thanks.mkv", "hand_gesture")["hand_gesture"]
    assert {one.hand.gesture for one in result.segments} == {"open_palm"}


@pytest.mark.expects_errors
@pytest.mark.parametrize("trouble", ["their model is missing", "they break off"])
def test_hands_go_on_without_skeletons(
    trouble: str, vision: Bench, shared_media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = vision.pool.lease

    def without_poses(task: str) -> AbstractContextManager[LeasedModel]:
        if task == "pose":
            raise ModelUnavailableError("not today")
        return lease(task)

    def broken(*_: object, **__: object) -> list[Pose]:
        raise RuntimeError("not today")

    if trouble == "they break off":
        monkeypatch.setattr("reelscope_vision.features.persons.find", broken)
    else:
        monkeypatch.setattr(vision.pool, "lease", without_poses)
    results = vision.analyze(shared_media / "hands" / "tfjs_asl_hand_vertical.mp4", "hand_gesture", "body_pose")
    assert results["body_pose"].status in {"failed", "unavailable"}
    assert results["hand_gesture"].status == "succeeded", results["hand_gesture"].problem
    assert {one.hand.track_id for one in results["hand_gesture"].segments} == {1}


@pytest.mark.parametrize("name", NO_HANDS)
def test_no_hand_where_there_is_none(name: str, vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / name, "hand_gesture")["hand_gesture"]
    assert not result.segments
    assert result.summary.hand.max_simultaneous == 0
