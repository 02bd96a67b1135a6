"""Gestures of made hands in every position, and hands of a real clip put together anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Analyze, MakeClip
from reelscope_vision.hands.gestures import gesture_of

CLIP = "hands/tfjs_asl_hand_vertical.mp4"
GESTURES = {
    "fist": "00000",
    "pointing": "01000",
    "victory": "01100",
    "rock": "01001",
    "open_palm": "11111",
    "call_me": "10001",
    "thumb_up": "10000",
}
"""Thumb, index, middle, ring and little finger: 1 is extended."""


def made(fingers: str, *, angle: float = 0.0, mirrored: bool = False, scale: float = 100.0) -> NDArray[np.float64]:
    """A right hand's landmarks, palm to the viewer, fingers up: lengths of the bones in palm lengths by anatomy."""
    points = np.zeros((21, 3))
    knuckles = {1: (0.28, 0.95), 2: (0.0, 1.0), 3: (-0.22, 0.92), 4: (-0.42, 0.8)}
    for finger, (x, y) in knuckles.items():
        first = 1 + 4 * finger
        points[first, :2] = (x, y)
        bones = np.array([0.45, 0.28, 0.22]) * (0.8 if finger == 4 else 1.0)
        # Extended: straight on. Curled: up, towards the viewer, and back down.
        turns = np.radians([0, 4, 8]) if fingers[finger] == "1" else np.radians([60, 150, 200])
        for joint, (bone, turn) in enumerate(zip(bones, turns, strict=True)):
            points[first + 1 + joint] = points[first + joint] + bone * np.array([0.05 * x, np.cos(turn), -np.sin(turn)])
    points[1, :2], points[2, :2] = (0.25, 0.25), (0.5, 0.5)
    if fingers[0] == "1" and fingers[1:] == "0000":
        points[3, :2], points[4, :2] = (0.66, 0.95), (0.85, 1.4)
    elif fingers[0] == "1":
        points[3, :2], points[4, :2] = (0.8, 0.7), (1.05, 0.85)
    else:
        points[3, :2], points[4, :2] = (0.45, 0.75), (0.2, 0.85)
    points[:, 1] *= -1
    if mirrored:
        points[:, 0] *= -1
    turn = np.radians(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return points @ rotation.T * scale + (300.0, 400.0, 0.0)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", range(0, 360, 30))
@pytest.mark.parametrize("gesture", GESTURES)
def test_gestures_in_every_position(gesture: str, angle: int, mirrored: bool) -> None:
    told = gesture_of(made(GESTURES[gesture], angle=angle, mirrored=mirrored))
    if gesture == "thumb_up":  # which says up or down only by where it points
        assert told in {0: {"thumb_up"}, 180: {"thumb_down"}}.get(angle, {"fist", "thumb_up", "thumb_down"})
    else:
        assert told == gesture


def test_size_does_not_matter() -> None:
    assert {gesture_of(made("01100", scale=scale)) for scale in (0.02, 1.0, 700.0)} == {"victory"}


def test_thumb_and_index_that_touch_are_ok() -> None:
    points = made("11111")
    points[8] = points[4] = (points[4] + points[6]) / 2
    points[7] = (points[6] + points[8]) / 2 + (8.0, 0.0, 0.0)
    assert gesture_of(points) == "ok"


@pytest.fixture(scope="module")
def hand() -> NDArray[np.uint8]:
    """Six seconds of one hand that spells, half as large."""
    path = Path(__file__).resolve().parents[3].parent / "shared" / "media" / CLIP
    if not path.exists():
        pytest.skip(f"no {path}")
    capture = cv2.VideoCapture(str(path))
    frames = [cv2.resize(capture.read()[1], (310, 540), interpolation=cv2.INTER_AREA)[..., ::-1] for _ in range(150)]
    return np.stack(frames).astype(np.uint8)


Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
CHANGES: dict[str, Change] = {
    "as it is": lambda frames: frames,
    "mirrored": lambda frames: frames[:, :, ::-1],
    "turned": lambda frames: np.rot90(frames, axes=(1, 2)),
    "brighter": lambda frames: np.clip(frames * 1.15 + 10, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_hand_that_spells(change: str, hand: NDArray[np.uint8], analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(np.ascontiguousarray(CHANGES[change](hand)), rate=25), "hand_gesture")
    assert result.summary.hand.max_simultaneous == 1
    assert {one.hand.track_id for one in result.segments} == {1}

    def at(time_s: float) -> str:
        return next(one.hand.gesture for one in result.segments if one.start_s <= time_s < one.end_s)

    assert at(0.2) == "fist"
    assert at(4.5) == "fist"
    assert at(5.5) == "pointing"
    assert at(1.0) in {"victory", "pointing"}, "index and middle finger are out, at right angles"
    side = "left" if change == "mirrored" else "right"
    assert {one.hand.handedness for one in result.segments} == {side}


def test_two_hands(hand: NDArray[np.uint8], analyze: Analyze, make_clip: MakeClip) -> None:
    both = np.concatenate([hand, hand[:, :, ::-1]], axis=2)[:100]
    result = analyze(make_clip(np.ascontiguousarray(both), rate=25), "hand_gesture")
    assert result.summary.hand.max_simultaneous == 2
    sides = {one.hand.track_id: one.hand.handedness for one in result.segments}
    assert sorted(sides.values()) == ["left", "right"]
