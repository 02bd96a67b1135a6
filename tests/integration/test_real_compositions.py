"""composition_analysis on real clips: who stands where, and what a clip of 9:16 loses to an app's buttons."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from reelscope.vision.v1.details_pb2 import CompositionDetail
from support import pictures
from support.engine import Bench

NAME = "composition_analysis"


def only(results: dict[str, AnalyzerResult]) -> CompositionDetail:
    result = results[NAME]
    assert result.status == "succeeded", result.problem
    (segment,) = result.segments
    return segment.composition


@pytest.mark.parametrize(
    ("name", "crown", "eyes"),
    [
        ("talking/latentsync_demo1_vertical.mp4", 0.30, (0.55, 0.37)),
        ("talking/latentsync_demo3_vertical.mp4", 0.24, (0.50, 0.32)),
        ("pose/tfjs_squats_vertical.mp4", 0.22, (0.55, 0.25)),
    ],
)
def test_one_person_in_a_vertical_clip(
    name: str, crown: float, eyes: tuple[float, float], vision: Bench, shared_media: Path
) -> None:
    """Crown and eyes are read off the pictures by eye; these people hardly move, or (squats) move down and up."""
    found = only(vision.analyze_once(shared_media / name))
    assert (found.subject_kind, found.people, found.subject_position, found.aspect_use) == ("person", 1, "center", "full")
    assert found.headroom == pytest.approx(crown, abs=0.04)
    assert (found.focus.x, found.focus.y) == (pytest.approx(eyes[0], abs=0.06), pytest.approx(eyes[1], abs=0.04))
    # Their heads are in the middle: nothing covers them.
    assert not [one for one in found.safe_zone_conflicts if one.what == "face"]


def test_a_clip_that_is_moved_under_the_buttons(vision: Bench, shared_media: Path, tmp_path: Path) -> None:
    """The same person, but the picture moved to the right until the head is in the column of buttons, and lower."""
    frames = [cv2.resize(one, (540, 960)) for one in pictures.read(shared_media / "talking/latentsync_demo1_vertical.mp4", 25)]
    moved = []
    for frame in frames:
        canvas = np.full_like(frame, 90)
        small = cv2.resize(frame, (270, 480))
        # The middle of the face comes to 0.93 of the width and 0.5 of the height.
        left, top = round(0.93 * 540 - 0.55 * 270), round(0.5 * 960 - 0.39 * 480)
        canvas[top : top + 480, left:] = small[:, : 540 - left]
        moved.append(np.asarray(canvas, np.uint8))
    found = only(vision.analyze(pictures.write(tmp_path / "moved.mp4", moved), NAME))
    covered = {one.zone: one.covered_share for one in found.safe_zone_conflicts if one.what == "face"}
    assert covered["tiktok_right_rail"] > 0.5
    assert found.subject_position == "right"


def test_a_face_and_then_none(vision: Bench, shared_media: Path) -> None:
    segments = vision.analyze_once(shared_media / "cuts/pyfeat_face_noface.mov", NAME)[NAME].segments
    assert [segment.composition.people for segment in segments][:2] == [1, 0]
    assert segments[0].composition.HasField("headroom")
    assert not segments[1].composition.HasField("headroom")


def test_segments_follow_each_other_and_shots(vision: Bench, shared_media: Path) -> None:
    results = vision.analyze_once(shared_media / "cuts/psd_testvideo.mp4", NAME, "cut_analysis")
    segments = results[NAME].segments
    cuts_s = [shot.start_s for shot in results["cut_analysis"].summary.cut.shots]
    assert all(before.end_s <= after.start_s + 1e-6 for before, after in pairwise(segments))
    assert {round(segment.start_s, 3) for segment in segments} >= {round(cut_s, 3) for cut_s in cuts_s}
    # Photos of things before blurred autumn woods, and black title cards between them.
    assert {segment.composition.depth for segment in segments if segment.composition.subject_kind} == {"shallow_focus"}


def test_a_film_in_a_vertical_clip(vision: Bench, shared_media: Path, tmp_path: Path) -> None:
    """16:9 in 9:16 with black bars: how it is composed is the same, how the frame is used is not."""
    frames = [
        cv2.resize(one, (960, 540)) for one in pictures.read(shared_media / "camera/pexels_teacher_push_in.mp4", 330)[-25:]
    ]
    wide = only(vision.analyze(pictures.write(tmp_path / "wide.mp4", [np.asarray(one, np.uint8) for one in frames]), NAME))
    boxed = [np.pad(cv2.resize(one, (720, 405)), ((437, 438), (0, 0), (0, 0))) for one in frames]
    tall = only(vision.analyze(pictures.write(tmp_path / "tall.mp4", boxed), NAME))
    assert (wide.aspect_use, tall.aspect_use) == ("full", "letterboxed")
    assert tall.rule_of_thirds == pytest.approx(wide.rule_of_thirds, abs=0.08)
    assert tall.headroom == pytest.approx(wide.headroom, abs=0.04)
    assert tall.focus.y == pytest.approx((437 + 405 * wide.focus.y) / 1280, abs=0.02)
