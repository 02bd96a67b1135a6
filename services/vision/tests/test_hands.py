"""Gestures of made hands in every position, and hands of a real clip put together anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Analyze, MakeClip
from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Image, Item
from reelscope_vision.analyzers.hand_gesture import HandGesture
from reelscope_vision.hands.follower import SEARCH_S, Follower, Wrist
from reelscope_vision.hands.gestures import gesture_of
from reelscope_vision.hands.hand import FrameHands, Hand
from reelscope_vision.nets.blaze import Detection
from reelscope_vision.nets.crops import Square
from reelscope_vision.nets.hand_landmark import Landmarks

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


def told(shown: dict[int, str]) -> list[Segment]:
    """Segments of one hand that shows gestures in the frames of those numbers, six a second."""
    info = MediaInfo(duration_s=10.0)
    info.video.duration_s = 10.0
    node = HandGesture(NodeContext(media=info, options=AnalyzeOptions(), model=lambda _: None))
    for at, gesture in shown.items():
        points = made(GESTURES[gesture]) / 1000
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        one = Hand(1, points, np.concatenate([low, high - low]), 0.9, 0.1)
        list(node.process(Item("hand_tracks", at / 6, (at + 1) / 6, at, FrameHands((one,), 1.0))))
    return list(node.flush())


def test_a_hand_that_flickers_shows_nothing() -> None:
    names = ["fist", "victory", "open_palm", "rock"]
    assert {one.hand.gesture for one in told({at: names[at % 4] for at in range(24)})} == {"none"}
    assert {one.hand.gesture for one in told(dict.fromkeys(range(24), "rock"))} == {"rock"}


def test_a_hand_that_goes_and_comes_back_is_not_there_in_between() -> None:
    segments = told(dict.fromkeys([*range(6), *range(30, 36)], "fist"))
    assert [one.start_s for one in segments] == pytest.approx([0.0, 5.0])
    assert [one.end_s for one in segments] == pytest.approx([1.0, 6.0])
    assert {one.hand.track_id for one in segments} == {1}


PICTURE = np.zeros((400, 400, 3), np.uint8)
PICTURE[..., :2] = np.stack(np.meshgrid(np.arange(400) // 2, np.arange(400) // 2), axis=2)
"""Its colours tell where a part of it is from."""


class Hands:
    """Hands at known places: a detector and a landmark network that see exactly those."""

    def __init__(self) -> None:
        self.places: list[tuple[float, float]] = []
        self.searches = 0
        self.parts: list[float] = []
        self.looked: list[float] = []

    def detect(self, picture: Image) -> list[Detection]:
        self.searches += 1
        left, top = (2 * int(low) for low in picture[0, 0, :2])
        height, width = picture.shape[:2]
        if picture.shape != PICTURE.shape:
            self.parts.append(left + width / 2)
        return [self._palm(x - left, y - top) for x, y in self.places if left <= x < left + width and top <= y < top + height]

    def locate(self, picture: Image, square: Square) -> Landmarks:
        del picture
        self.looked.append(square.x)
        x, y = min(self.places, key=lambda place: np.hypot(place[0] - square.x, place[1] - square.y), default=(0.0, 0.0))
        there = bool(self.places) and np.hypot(x - square.x, y - square.y) < 40
        points = made("11111", scale=20.0) - (300.0, 400.0, 0.0)
        return Landmarks(points - points.mean(axis=0) + (x, y, 0.0), 0.9 if there else 0.1, 0.5)

    @staticmethod
    def _palm(x: float, y: float) -> Detection:
        keypoints = np.array([[x, y + 10], [x, y], [x, y - 5], [x, y], [x, y], [x, y], [x, y]])
        return Detection(np.array([x - 15, y - 15, x + 15, y + 15]), keypoints, 0.9)


def wrists(*places: tuple[float, float]) -> list[Wrist]:
    return [Wrist((1, side), Square(x, y, 60.0)) for side, (x, y) in enumerate(places)]


def test_hands_that_held_each_other_or_were_away_are_known_again_by_their_wrists() -> None:
    hands = Hands()
    follower = Follower(detect=hands.detect, locate=hands.locate)
    left, right, both = (240.0, 200.0), (160.0, 200.0), (200.0, 220.0)
    seen: list[list[int]] = []
    first_right = 0
    for at in range(90):
        phase = at // 15
        hands.places = {1: [both], 3: [], 5: [right]}.get(phase, [left, right])
        at_wrists = {1: wrists((205.0, 220.0), (195.0, 220.0)), 3: []}.get(phase, wrists(left, right))
        found = follower.update(PICTURE, at / 6, at_wrists)
        seen.append([one.track for one in found])
        if not at:
            first_right = min(found, key=lambda one: float(one.landmarks.points[:, 0].mean())).track
    assert {track for tracks in seen for track in tracks} == {1, 2}
    assert [max(map(len, seen[first : first + 15])) for first in range(0, 90, 15)] == [2, 1, 2, 0, 2, 1]
    # The hand that is left at the end is the one that was first on that side.
    assert {tuple(tracks) for tracks in seen[77:]} == {(first_right,)}


def test_hands_that_part_are_known_while_each_is_still_within_reach_of_both_wrists() -> None:
    hands = Hands()
    follower = Follower(detect=hands.detect, locate=hands.locate)
    left, right, both = (240.0, 200.0), (160.0, 200.0), (200.0, 200.0)
    near = [(213.0, 200.0), (187.0, 200.0)]
    phases = [([left, right], wrists(left, right)), ([both], wrists(both, both)), (near, wrists(*near))]
    told_of = []
    for at in range(45):
        hands.places, at_wrists = phases[at // 15]
        found = follower.update(PICTURE, at / 6, at_wrists)
        told_of.append({one.track: float(one.landmarks.points[:, 0].mean()) for one in found})
    first, last = told_of[0], told_of[-1]
    assert sorted(first) == sorted(last) == [1, 2]
    assert (first[1] > first[2]) == (last[1] > last[2])


def test_a_wrist_without_a_hand_is_not_searched_for_ever() -> None:
    hands = Hands()
    follower = Follower(detect=hands.detect, locate=hands.locate)
    for at in range(61):
        follower.update(PICTURE, at / 6, wrists((300.0, 200.0)))
    # Once a second the wrist and the whole picture, and a few times more at first.
    assert hands.searches <= 2 * 10 + 1 / SEARCH_S + 4


def test_hands_that_move_further_than_they_are_large_are_followed_by_their_wrists() -> None:
    hands = Hands()
    follower = Follower(detect=hands.detect, locate=hands.locate)
    for at in range(60):
        x = (60.0, 120.0, 180.0, 120.0)[at % 4]
        hands.places = [(x, 100.0), (400 - x, 300.0)]
        found = follower.update(PICTURE, at / 6, wrists(*hands.places))
        assert [one.track for one in found] == [1, 2]
        assert [float(one.landmarks.points[:, 0].mean()) for one in found] == pytest.approx([x, 400 - x])
    # None was lost: only those who come are looked for, once a second.
    assert hands.searches <= 10 + 2


@pytest.mark.parametrize("mistaken", [(300.0, 100.0), (300.0, 300.0), (100.0, 100.0)])
def test_a_skeleton_that_takes_one_arm_for_the_other_does_not_move_the_hands(mistaken: tuple[float, float]) -> None:
    hands = Hands()
    follower = Follower(detect=hands.detect, locate=hands.locate)
    hands.places = [(100.0, 200.0), (300.0, 200.0)]
    for at in range(12):
        hands.looked.clear()
        columns = mistaken if at % 3 == 2 else (100.0, 300.0)
        assert len(follower.update(PICTURE, at / 6, wrists(*((x, 200.0) for x in columns)))) == 2
        assert sorted(hands.looked) == pytest.approx([100, 300], abs=20)


def test_a_hand_that_is_lost_now_and_then_is_looked_for_at_its_own_wrist() -> None:
    hands = Hands()
    follower = Follower(detect=hands.detect, locate=hands.locate)
    seen, hidden = (100.0, 200.0), (300.0, 200.0)
    for at in range(60):
        hands.places = [seen] if at % 6 else []
        follower.update(PICTURE, at / 6, wrists(seen, hidden))
    about_hidden = sum(abs(x - hidden[0]) < 20 for x in hands.parts)
    # Once a second, and a few times more at first; the other one when its hand goes, and when it is back.
    assert 10 <= about_hidden <= 10 + 3
    assert len(hands.parts) - about_hidden == 2 * 10


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


@pytest.mark.parametrize("place", [(60, 40), (1080, 430)])
def test_a_small_hand_without_a_body(
    place: tuple[int, int], hand: NDArray[np.uint8], analyze: Analyze, make_clip: MakeClip
) -> None:
    """An eighth of the picture's width: in the whole picture the detector of palms does not see it."""
    x, y = place
    small = np.stack([cv2.resize(one, (155, 270), interpolation=cv2.INTER_AREA) for one in hand[:75]])
    frames = np.broadcast_to(hand[0, 5, 5], (75, 720, 1280, 3)).copy()
    frames[:, y : y + 270, x : x + 155] = small
    result = analyze(make_clip(frames, rate=25), "hand_gesture")
    assert result.summary.hand.max_simultaneous == 1
    (track,) = {one.hand.track_id for one in result.segments}
    assert {one.hand.handedness for one in result.segments if one.hand.track_id == track} == {"right"}
    assert result.summary.hand.screen_time_share > 0.5
    first = result.segments[0].hand.hands[0].box
    assert x / 1280 <= first.x + first.w / 2 <= (x + 155) / 1280
    assert y / 720 <= first.y + first.h / 2 <= (y + 270) / 720
