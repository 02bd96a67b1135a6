"""body_language on real clips: hands that talk and hands that rest, a woman who bends down, arms that are crossed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from support import pictures
from support.engine import Bench

NAME = "body_language"


def told(results: dict[str, AnalyzerResult]) -> AnalyzerResult:
    result = results[NAME]
    assert result.status == "succeeded", result.problem
    return result


def test_hands_that_talk_and_hands_that_rest(vision: Bench, shared_media: Path) -> None:
    talks = told(vision.analyze_once(shared_media / "talking/latentsync_demo3_vertical.mp4")).summary.body
    rests = told(vision.analyze_once(shared_media / "talking/latentsync_demo1_vertical.mp4")).summary.body
    assert talks.gesticulation_rate >= 20
    # Hers rest, but for once when she lifts them and lays them down again.
    assert rests.gesticulation_rate <= talks.gesticulation_rate / 2
    assert talks.energy > rests.energy
    # Her hands lie in each other, his move apart.
    assert talks.openness > rests.openness + 0.1


def test_a_speaker_who_looks_around_faces_the_camera(vision: Bench, shared_media: Path) -> None:
    body = told(vision.analyze_once(shared_media / "talking/latentsync_demo3_vertical.mp4")).summary.body
    assert {score.label: score.score for score in body.facing_shares}["camera"] >= 0.8


@pytest.mark.parametrize("name", ["talking/grid_bbaf2n.mpg", "talking/grid_lwbsza.mpg"])
def test_a_head_alone_has_no_hands(name: str, vision: Bench, shared_media: Path) -> None:
    result = told(vision.analyze_once(shared_media / name))
    body = result.summary.body
    assert not body.HasField("gesticulation_rate")
    assert not body.HasField("openness")
    assert {score.label: score.score for score in body.facing_shares} == {"camera": pytest.approx(1.0)}
    assert {segment.body.lean for segment in result.segments} == {"unknown"}


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_who_bends_down_beside_the_camera_leans_forward(
    vision: Bench, shared_media: Path, tmp_path: Path, *, is_mirrored: bool
) -> None:
    """She is seen from the side, walks upright and bends down to the dog, on the right of her."""
    frames = [one[::2, ::2] for one in pictures.read(shared_media / "pose/sam2_woman_dog.mp4", 250)]
    path = pictures.write(tmp_path / "dog.mp4", [one[:, ::-1] if is_mirrored else one for one in frames], fps=30)
    body = told(vision.analyze(path, NAME)).summary.body
    facings = {score.label: score.score for score in body.facing_shares}
    leans = {score.label: score.score for score in body.lean_shares}
    assert facings["left" if is_mirrored else "right"] > 0.7
    assert leans["forward"] > 0.2
    assert leans["upright"] > 0.2
    assert "backward" not in leans


def test_squats_bend_the_body_and_standing_does_not(vision: Bench, shared_media: Path) -> None:
    result = told(vision.analyze_once(shared_media / "pose/tfjs_squats_vertical.mp4"))
    tilted = [segment for segment in result.segments if abs(segment.body.lean_degrees) > 15]
    upright = [segment for segment in result.segments if abs(segment.body.lean_degrees) < 8]
    assert tilted
    assert upright
    assert all(segment.body.lean == "upright" for segment in upright)
    assert {segment.body.track_id for segment in result.segments} == {1}


def test_crossed_arms_of_a_portrait(vision: Bench, shared_media: Path, tmp_path: Path) -> None:
    loaded = cv2.imread(str(shared_media / "age_face/portrait_obama_2012.jpg"))
    assert loaded is not None
    portrait = np.ascontiguousarray(loaded[..., ::-1]).astype(np.uint8, copy=False)
    result = told(vision.analyze(pictures.write(tmp_path / "portrait.mp4", [portrait] * 30), NAME))
    (segment,) = result.segments
    # One of his hands is behind the other arm: both rules are true.
    assert {"arms_crossed", "hand_on_arm"} & {*segment.body.rules}
    assert segment.body.openness < 0.35
    assert (segment.body.facing, segment.body.gesticulation_rate) == ("camera", 0.0)


def test_a_hand_in_the_face(vision: Bench, shared_media: Path) -> None:
    """She wipes her eyes in the first seconds, and smiles in the last."""
    result = told(vision.analyze_once(shared_media / "emotion_face/pyfeat_WolfgangLanger_sad_to_happy.mp4"))
    touching_s = sum(segment.end_s - segment.start_s for segment in result.segments if segment.body.self_touch)
    assert touching_s > 1.0
    assert all("hand_at_face" in segment.body.rules for segment in result.segments if segment.body.self_touch)
    assert not any(segment.body.self_touch for segment in result.segments if segment.start_s > 15)
