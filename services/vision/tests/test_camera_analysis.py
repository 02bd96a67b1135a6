"""Camera motion on made moves over a made landscape: direction and speed are known."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Analyze, MakeClip
from reelscope.vision.v1.details_pb2 import CameraDetail
from reelscope_vision.camera.shot_size import of_face, shot_size

WIDTH, HEIGHT = 640, 360
Frames = NDArray[np.uint8]
View = tuple[float, float, float, float]
"""Middle of the view in pixels of the landscape, right and down; its scale; degrees that the camera has turned clockwise."""

SPEEDS = {
    "pan": (0.05, 0.2, 0.8),
    "tilt": (0.05, 0.2, 0.8),
    "zoom": (0.03, 0.1, 0.4),
    "roll": (3.0, 10.0, 40.0),
}


@pytest.fixture(scope="module")
def landscape() -> Frames:
    """Texture of all sizes, as walls and trees have."""
    random = np.random.default_rng(11)
    size = 2400
    picture = np.zeros((size, size, 3), np.float32)
    for cells in (12, 40, 150, 500):
        octave = random.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(octave, (size, size), interpolation=cv2.INTER_CUBIC) * 18
    return np.clip(picture + 120, 0, 255).astype(np.uint8)


def filmed(landscape: Frames, views: Iterator[View] | list[View]) -> Frames:
    frames = []
    for x, y, scale, turned in views:
        matrix = cv2.getRotationMatrix2D((x, y), turned, scale)
        matrix[:, 2] += np.array([WIDTH / 2, HEIGHT / 2]) - (x, y)
        frames.append(cv2.warpAffine(landscape, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA))
    return np.stack(frames).astype(np.uint8)


def move(kind: str, speed: float, *, rate: int = 25, seconds: float = 1.6) -> list[View]:
    """A view for each frame; positive speeds pan right, tilt down, zoom in and roll right."""
    views = []
    for time_s in np.arange(round(rate * seconds)) / rate:
        done = speed * (time_s - seconds / 2)
        x = 1200 + (done * WIDTH if kind == "pan" else 0.0)
        y = 1200 + (done * HEIGHT if kind == "tilt" else 0.0)
        views.append((x, y, (1 + speed) ** time_s if kind == "zoom" else 1.0, done if kind == "roll" else 0.0))
    return views


def only(analyze: Analyze, path: object) -> CameraDetail:
    segments = analyze(path, "camera_analysis").segments
    assert len(segments) == 1, [(one.start_s, one.end_s, one.camera.motion) for one in segments]
    return segments[0].camera


BOTH_WAYS = {
    "pan": ("pan_right", "pan_left"),
    "tilt": ("tilt_down", "tilt_up"),
    "zoom": ("zoom_in", "zoom_out"),
    "roll": ("roll_right", "roll_left"),
}


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("speed", range(3))
@pytest.mark.parametrize("kind", SPEEDS)
def test_moves_at_three_speeds(request: pytest.FixtureRequest, landscape: Frames, kind: str, speed: int, way: int) -> None:
    analyze, make_clip = request.getfixturevalue("analyze"), request.getfixturevalue("make_clip")
    truth = SPEEDS[kind][speed]
    camera = only(analyze, make_clip(filmed(landscape, move(kind, truth)[:: 1 - 2 * way])))
    assert camera.motion == BOTH_WAYS[kind][way]
    if camera.motion == "zoom_out":
        truth = 1 - 1 / (1 + truth)
    assert camera.speed == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("rate", [5, 24, 30, 60])
def test_the_speed_does_not_depend_on_the_frame_rate(
    rate: int, analyze: Analyze, make_clip: MakeClip, landscape: Frames
) -> None:
    camera = only(analyze, make_clip(filmed(landscape, move("pan", 0.2, rate=rate, seconds=2.0)), rate=rate))
    assert (camera.motion, camera.speed_unit) == ("pan_right", "frame_widths_per_s")
    assert camera.speed == pytest.approx(0.2, rel=0.15)


def test_a_caption_and_a_logo_do_not_hold_a_pan(analyze: Analyze, make_clip: MakeClip, landscape: Frames) -> None:
    frames = filmed(landscape, move("pan", 0.2))
    for frame in frames:
        cv2.putText(frame, "subscribe for more of this", (60, 320), cv2.FONT_HERSHEY_DUPLEX, 1.2, (255, 255, 255), 2)
        cv2.putText(frame, "LOGO", (540, 40), cv2.FONT_HERSHEY_DUPLEX, 1.0, (255, 220, 0), 2)
    camera = only(analyze, make_clip(frames))
    assert camera.motion == "pan_right"
    assert camera.speed == pytest.approx(0.2, rel=0.15)


@pytest.mark.parametrize(("way", "growth"), [((0.0, 0.9), 0.0), ((0.9, 0.0), 0.0), ((0.0, 0.0), 0.4)])
def test_a_title_that_moves_on_a_plain_ground_is_no_camera(
    analyze: Analyze, make_clip: MakeClip, way: tuple[float, float], growth: float
) -> None:
    """It flies in from below or from the right, or grows all the time."""
    frames = np.full((60, HEIGHT, WIDTH, 3), (50, 60, 75), np.uint8)
    for number, frame in enumerate(frames):
        left = max(0.0, 1 - number / 30)
        size = 1 + growth * number / 25
        place = (round(140 - way[0] * left * WIDTH), round(190 - way[1] * left * HEIGHT))
        cv2.putText(frame, "THANKS", place, cv2.FONT_HERSHEY_DUPLEX, size, (240, 220, 20), 2)
    assert only(analyze, make_clip(frames)).motion == "static"


@pytest.mark.parametrize("thickness", [20, 200])
def test_a_pan_over_a_skyline_is_one(analyze: Analyze, make_clip: MakeClip, landscape: Frames, thickness: int) -> None:
    """All detail lies in a band from side to side; the rest is sky, and the sea."""
    frames = filmed(landscape, move("pan", 0.2))
    frames[:, : HEIGHT // 2 - thickness // 2] = frames[:, HEIGHT // 2 + thickness // 2 :] = (150, 170, 190)
    assert only(analyze, make_clip(frames)).motion == "pan_right"


@pytest.mark.parametrize("count", [6, 20, 40])
def test_a_crowd_that_runs_past_does_not_move_the_camera(
    count: int, analyze: Analyze, make_clip: MakeClip, landscape: Frames
) -> None:
    """Textured figures of a person's size, all running to the right, some faster; at most they cover a half."""
    random = np.random.default_rng(count)
    still = filmed(landscape, move("pan", 0.0))[0]
    places = random.uniform((-WIDTH, 20), (WIDTH, HEIGHT - 130), (count, 2))
    speeds = random.uniform(90, 200, count)
    figures = [np.ascontiguousarray(landscape[i * 40 : i * 40 + 120, :45][:, ::-1]) for i in range(count)]
    frames = []
    for time_s in np.arange(50) / 25:
        frame = still.copy()
        for (x, y), speed, figure in zip(places, speeds, figures, strict=True):
            left, top = round(x + speed * time_s), round(y)
            inside = slice(max(0, left), min(WIDTH, left + 45))
            if inside.stop > inside.start:
                frame[top : top + 120, inside] = figure[:, inside.start - left : inside.stop - left]
        frames.append(frame)
    camera = only(analyze, make_clip(np.stack(frames)))
    assert (camera.motion, camera.speed) == ("static", 0.0)


def test_a_hand_shakes_and_a_stand_does_not(analyze: Analyze, make_clip: MakeClip, landscape: Frames) -> None:
    times = np.arange(75) / 25
    sway = [0.004 * WIDTH * np.sin(2 * np.pi * (3.1 * times + 0.2)), 0.003 * WIDTH * np.sin(2 * np.pi * 4.3 * times)]
    held = only(analyze, make_clip(filmed(landscape, [(1200 + x, 1200 + y, 1.0, 0.0) for x, y in zip(*sway, strict=True)])))
    assert held.motion == "handheld"
    # Two sines: the root of half the sum of their squares.
    assert held.shake == pytest.approx(np.hypot(0.004, 0.003) / np.sqrt(2), rel=0.35)
    noise = np.random.default_rng(3).normal(0, 3, (75, HEIGHT, WIDTH, 3))
    stand = np.clip(filmed(landscape, move("pan", 0.0))[0] + noise, 0, 255).astype(np.uint8)
    assert only(analyze, make_clip(stand, crf=28)).motion == "static"


def test_a_slow_sway_is_no_pan(analyze: Analyze, make_clip: MakeClip, landscape: Frames) -> None:
    """Somebody who stands and breathes: to and fro by one percent of the width in two seconds."""
    times = np.arange(100) / 25
    sway = [0.01 * WIDTH * np.sin(np.pi * times), 0.006 * WIDTH * np.sin(0.74 * np.pi * times)]
    views = [(1200 + x, 1200 + y, 1.0, 0.0) for x, y in zip(*sway, strict=True)]
    assert only(analyze, make_clip(filmed(landscape, views))).motion == "handheld"


def test_motion_is_not_measured_over_a_cut(analyze: Analyze, make_clip: MakeClip, landscape: Frames) -> None:
    other = np.ascontiguousarray(landscape[::-1, ::-1][:, :, ::-1])
    frames = np.concatenate([filmed(landscape, move("pan", 0.2)), filmed(other, move("pan", 0.0))])
    segments = analyze(make_clip(frames), "camera_analysis").segments
    assert [one.camera.motion for one in segments] == ["pan_right", "static"]
    assert segments[0].end_s == segments[1].start_s == pytest.approx(1.6, abs=0.01)


def test_a_pan_that_stops_is_two_stretches(analyze: Analyze, make_clip: MakeClip, landscape: Frames) -> None:
    pan = move("pan", 0.2, seconds=2.0)
    segments = analyze(make_clip(filmed(landscape, pan + [pan[-1]] * 50)), "camera_analysis").segments
    assert [one.camera.motion for one in segments] == ["pan_right", "static"]
    assert segments[1].start_s == pytest.approx(2.0, abs=0.25)


FRAMINGS = {
    "extreme_close_up": 0.13,
    "close_up": 1 / 5,
    "medium_close_up": 1 / 3,
    "medium": 1 / 2,
    "medium_wide": 0.85,
    "wide": 1.5,
    "extreme_wide": 6.0,
}
"""How much of a body the frame's height takes in: head and shoulders a fifth, from the waist up a half, and so on."""


@pytest.mark.parametrize("name", FRAMINGS)
def test_shot_sizes(name: str) -> None:
    seen_of_body = FRAMINGS[name]
    assert shot_size(1 / seen_of_body) == name
    assert shot_size(of_face(0.085 / seen_of_body)) == name


def test_plain_pictures_are_static_without_confidence(analyze: Analyze, make_clip: MakeClip) -> None:
    (segment,) = analyze(make_clip(np.full((30, 64, 64, 3), 200, np.uint8)), "camera_analysis").segments
    assert segment.camera.motion == "static"


def test_the_landscape_moves_as_said(landscape: Frames) -> None:
    """The test's own camera: panning right shows what lay on the right."""
    first, last = filmed(landscape, [(1200, 1200, 1.0, 0.0), (1300, 1200, 1.0, 0.0)])
    assert np.abs(first[:, 100:].astype(int) - last[:, :-100]).mean() < 2
