"""What made bodies tell: arms, lean, facing, touch and strokes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment, Summary
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope.vision.v1.details_pb2 import BodyLanguageDetail
from reelscope_runtime.contract import invalid_values
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.analyzers.body_language import BodyLanguage
from reelscope_vision.bodylanguage.strokes import strokes, together
from reelscope_vision.hands.hand import FrameHands, Hand
from reelscope_vision.nets.movenet import KEYPOINTS
from reelscope_vision.persons.person import FramePersons, Person

Points = NDArray[np.float64]
ASPECT = 0.5625
AT = {name: index for index, name in enumerate(KEYPOINTS)}

HANGING = {
    "nose": (0.0, -1.4),
    "left_eye": (0.06, -1.45),
    "right_eye": (-0.06, -1.45),
    "left_ear": (0.14, -1.43),
    "right_ear": (-0.14, -1.43),
    "left_shoulder": (0.35, -1.0),
    "right_shoulder": (-0.35, -1.0),
    "left_elbow": (0.42, -0.4),
    "right_elbow": (-0.42, -0.4),
    "left_wrist": (0.44, 0.1),
    "right_wrist": (-0.44, 0.1),
    "left_hip": (0.2, 0.0),
    "right_hip": (-0.2, 0.0),
    "left_knee": (0.2, 0.85),
    "right_knee": (-0.2, 0.85),
    "left_ankle": (0.2, 1.7),
    "right_ankle": (-0.2, 1.7),
}
"""Somebody who stands with hanging arms and faces the camera, in torsos from between the hips."""

CROSSED = {"left_elbow": (0.4, -0.45), "right_elbow": (-0.4, -0.45), "left_wrist": (-0.22, -0.55), "right_wrist": (0.22, -0.5)}
SPREAD = {"left_elbow": (0.85, -1.0), "right_elbow": (-0.85, -1.0), "left_wrist": (1.35, -1.0), "right_wrist": (-1.35, -1.0)}
RAISED = {"left_elbow": (0.55, -1.5), "right_elbow": (-0.55, -1.5), "left_wrist": (0.6, -2.0), "right_wrist": (-0.6, -2.0)}
CLASPED = {"left_elbow": (0.42, -0.4), "right_elbow": (-0.42, -0.4), "left_wrist": (0.08, -0.2), "right_wrist": (-0.08, -0.2)}
AKIMBO = {
    "left_elbow": (0.78, -0.45),
    "right_elbow": (-0.78, -0.45),
    "left_wrist": (0.36, -0.15),
    "right_wrist": (-0.36, -0.15),
}
THINKING = {"left_elbow": (0.35, -0.5), "left_wrist": (0.1, -1.05)}
HOLDING_ARM = {"left_elbow": (0.4, -0.45), "left_wrist": (-0.22, -0.5)}


def body(*changes: dict[str, tuple[float, float]]) -> Points:
    """Keypoints [17, 2] in torsos."""
    merged = dict(HANGING)
    for change in changes:
        merged |= change
    return np.array([merged[name] for name in KEYPOINTS], float)


def leaning(points: Points, degrees: float) -> Points:
    """All above the hips turned about them, to the right of the picture."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = points.copy()
    turned[: AT["left_hip"]] = points[: AT["left_hip"]] @ turn.T
    return turned


def from_side(points: Points, *, right: bool, degrees: float = 85.0) -> Points:
    """The same body, turned about the vertical: 0 faces the camera. Nose and eyes are in front of the ears."""
    ahead = np.zeros(len(KEYPOINTS))
    ahead[AT["nose"]], ahead[AT["left_eye"]], ahead[AT["right_eye"]] = 0.23, 0.19, 0.19
    ahead[AT["left_wrist"]] = ahead[AT["right_wrist"]] = 0.1
    angle = np.radians(degrees)
    turned = points.copy()
    turned[:, 0] = points[:, 0] * np.cos(angle) + (1 if right else -1) * ahead * np.sin(angle)
    return turned


def run(
    frames: Sequence[Points],
    *,
    fps: float = 10.0,
    scale: float = 0.15,
    hidden: Sequence[str] = (),
    jitter: float = 0.0,
    hands: Sequence[tuple[Hand, ...]] = (),
) -> tuple[list[BodyLanguageDetail], list[Segment], Summary]:
    info = MediaInfo(duration_s=len(frames) / fps)
    info.video.duration_s = len(frames) / fps
    info.video.width, info.video.height = 1080, 1920
    node = BodyLanguage(NodeContext(media=info, options=AnalyzeOptions(), model=lambda _: None))
    random = np.random.default_rng(7)
    segments: list[Segment] = []

    def feed(item: AnyItem) -> None:
        segments.extend(node.process(item))

    for at, points in enumerate(frames):
        shaken = points + jitter * random.standard_normal(points.shape)
        scores = np.array([0.1 if name in hidden else 0.8 for name in KEYPOINTS])
        placed = np.concatenate([shaken * (scale / ASPECT, scale) + (0.5, 0.55), scores[:, None]], axis=1)
        low, high = placed[:, :2].min(axis=0), placed[:, :2].max(axis=0)
        person = Person(1, np.concatenate([low, high - low]), placed, 0.7)
        feed(Item("person_tracks", at / fps, (at + 1) / fps, at, FramePersons((person,), ASPECT)))
        if hands:
            feed(Item("hand_tracks", at / fps, (at + 1) / fps, at, FrameHands(hands[at], ASPECT)))
    segments += node.flush()
    assert all(before.end_s == pytest.approx(after.start_s) for before, after in pairwise(segments))
    assert not [value for segment in segments for value in invalid_values(segment)]
    return [segment.body for segment in segments], segments, node.summary()


def held(points: Points, **options: float) -> BodyLanguageDetail:
    (detail,), _, _ = run([points] * 30, **options)  # type: ignore[arg-type]
    return detail


# Arms


@pytest.mark.parametrize("scale", [0.06, 0.15, 0.25])
@pytest.mark.parametrize(
    ("arms", "rule", "low", "high"),
    [
        ({}, "", 0.35, 0.6),
        (CROSSED, "arms_crossed", 0.0, 0.25),
        (CLASPED, "hands_together", 0.2, 0.4),
        (AKIMBO, "hands_on_hips", 0.55, 0.8),
        (SPREAD, "arms_spread", 0.9, 1.0),
        (RAISED, "arms_spread", 0.75, 1.0),
    ],
)
def test_arms_from_closed_to_open(
    arms: dict[str, tuple[float, float]], rule: str, low: float, high: float, scale: float
) -> None:
    found = held(body(arms), scale=scale)
    assert low <= found.openness <= high
    spoke = {"arms_crossed", "hands_together", "hands_on_hips", "arms_spread", "hand_at_face", "hand_on_arm"} & {*found.rules}
    assert spoke == ({rule} if rule else set())
    assert not found.self_touch


def test_openness_grows_as_arms_open() -> None:
    poses = [CROSSED, CLASPED, {}, AKIMBO, SPREAD]
    values = [held(body(arms)).openness for arms in poses]
    assert values == sorted(values)


@pytest.mark.parametrize("fps", [6.0, 10.0])
@pytest.mark.parametrize("scale", [0.1, 0.15, 0.3])
def test_jitter_changes_nothing(scale: float, fps: float) -> None:
    """The points of who sits still jitter by about a pixel of the network's 256: the more of a torso, the further away."""
    jitter = 1.2 / 256 / scale
    for arms, rule in ((CLASPED, "hands_together"), (SPREAD, "arms_spread")):
        details, _, summary = run([body(arms)] * 100, jitter=jitter, scale=scale, fps=fps)
        assert len(details) == 1
        assert rule in details[0].rules
        assert summary.body.gesticulation_rate <= 12


def test_openness_needs_arms_that_are_seen() -> None:
    (found,), _, summary = run([body()] * 20, hidden=["left_elbow", "right_elbow", "left_wrist", "right_wrist"])
    assert not found.HasField("openness")
    assert not found.HasField("gesticulation_rate")
    assert not summary.body.HasField("openness")
    assert found.hands_visible_share == 0


# Touch


def test_a_hand_at_the_face_touches() -> None:
    found = held(body(THINKING))
    assert found.self_touch
    assert "hand_at_face" in found.rules


def test_a_hand_that_holds_the_other_arm_touches() -> None:
    found = held(body(HOLDING_ARM))
    assert found.self_touch
    assert "hand_on_arm" in found.rules


def test_a_touch_has_its_times() -> None:
    details, segments, summary = run([body()] * 20 + [body(THINKING)] * 15 + [body()] * 25)
    touches = [segment for segment, detail in zip(segments, details, strict=True) if detail.self_touch]
    assert [(one.start_s, one.end_s) for one in touches] == [(pytest.approx(2.0, abs=0.11), pytest.approx(3.5, abs=0.11))]
    assert summary.body.self_touch_share == pytest.approx(1.5 / 6, abs=0.03)


def test_a_hand_that_passes_the_face_does_not_touch() -> None:
    raised = {"left_elbow": (0.5, -1.3), "left_wrist": (0.55, -2.0)}
    details, _, _ = run([body()] * 15 + [body(THINKING)] * 2 + [body(raised)] * 15)
    assert not any(detail.self_touch for detail in details)


def test_fingers_say_more_than_wrists() -> None:
    """A chin propped on far fingers: the wrist alone is too low to tell."""
    low = {"left_elbow": (0.4, -0.4), "left_wrist": (0.12, -0.8)}
    assert not held(body(low)).self_touch
    wrist = np.array([0.12, -0.8])
    landmarks = np.array([wrist + (0.0 - 0.12, -1.3 + 0.8) * np.array(at / 20) for at in range(21)])
    placed = np.concatenate([landmarks * (0.15 / ASPECT, 0.15) + (0.5, 0.55), np.zeros((21, 1))], axis=1)
    hand = Hand(1, placed, np.array([0.4, 0.3, 0.1, 0.1]), 0.9, 0.9)
    details, _, _ = run([body(low)] * 30, hands=[(hand,)] * 30)
    assert all(detail.self_touch for detail in details)


# Lean and facing


@pytest.mark.parametrize("degrees", [-40, -25, -15, 0, 5, 15, 25, 40])
def test_the_angle_of_a_lean(degrees: float) -> None:
    found = held(leaning(body(), degrees))
    assert found.lean_degrees == pytest.approx(degrees, abs=5)
    assert found.lean == ("upright" if abs(degrees) < 10 else "right" if degrees > 0 else "left")
    assert ("torso_upright" if abs(degrees) < 10 else "torso_tilted") in found.rules


@pytest.mark.parametrize("jitter", [0.0, 0.03])
@pytest.mark.parametrize(
    ("right", "degrees", "lean"), [(True, 25, "forward"), (True, -25, "backward"), (False, -25, "forward")]
)
def test_who_is_seen_from_the_side_leans_forward_or_backward(*, right: bool, degrees: float, lean: str, jitter: float) -> None:
    (found, *more), _, _ = run([leaning(from_side(body(), right=right), degrees)] * 30, jitter=jitter)
    assert not more
    assert (found.facing, found.lean) == ("right" if right else "left", lean)
    assert not found.HasField("openness")


@pytest.mark.parametrize("degrees", [65, 75, 90])
@pytest.mark.parametrize("right", [False, True])
def test_a_turned_body_faces_a_side(degrees: float, *, right: bool) -> None:
    found = held(from_side(body(), right=right, degrees=degrees))
    assert found.facing == ("right" if right else "left")
    assert "shoulders_turned" in found.rules


@pytest.mark.parametrize("degrees", [0, 15, 30])
def test_a_body_that_is_turned_a_little_faces_the_camera(degrees: float) -> None:
    assert held(from_side(body(), right=True, degrees=degrees)).facing == "camera"


def test_a_back_faces_away() -> None:
    back = body() * (-1, 1)
    (found,), _, _ = run([back] * 20, hidden=["nose", "left_eye", "right_eye"])
    assert found.facing == "away"
    assert "face_hidden" in found.rules
    assert found.openness == pytest.approx(held(body()).openness, abs=0.05)


def test_a_head_alone_says_where_it_faces() -> None:
    lower = [name for name in KEYPOINTS if name.split("_")[-1] in {"hip", "knee", "ankle", "elbow", "wrist"}]
    for right, word in ((True, "right"), (False, "left")):
        (found,), _, _ = run([from_side(body(), right=right, degrees=60)] * 20, hidden=lower)
        assert (found.facing, found.lean) == (word, "unknown")
        assert "head_turned" in found.rules
    (found,), _, _ = run([body()] * 20, hidden=lower)
    assert found.facing == "camera"


def test_turning_round_makes_stretches() -> None:
    frames = [body()] * 20 + [from_side(body(), right=True)] * 20 + [body()] * 20
    details, segments, summary = run(frames)
    assert [detail.facing for detail in details] == ["camera", "right", "camera"]
    assert [segment.start_s for segment in segments] == pytest.approx([0.0, 2.0, 4.0], abs=0.11)
    shares = {score.label: score.score for score in summary.body.facing_shares}
    assert shares == {"camera": pytest.approx(2 / 3, abs=0.03), "right": pytest.approx(1 / 3, abs=0.03)}


# Movement


def beats(count: int, *, fps: float = 10.0, seconds: float = 10.0, size: float = 0.4) -> list[Points]:
    """One hand that goes up and down again so many times, evenly, in front of the chest: two strokes each time."""
    frames = []
    for at in range(round(seconds * fps)):
        height = size * (1 - np.cos(2 * np.pi * count * at / fps / seconds)) / 2
        frames.append(body({"left_elbow": (0.45, -0.45), "left_wrist": (0.5, -0.4 - height)}))
    return frames


@pytest.mark.parametrize("fps", [10.0, 7.5, 6.0])
@pytest.mark.parametrize("count", [5, 10])
def test_strokes_are_counted(count: int, fps: float) -> None:
    details, _, summary = run(beats(count, fps=fps), fps=fps, jitter=0.01)
    made = sum(len(detail.strokes) for detail in details)
    assert made == pytest.approx(2 * count, abs=2)
    assert summary.body.gesticulation_rate == pytest.approx(12 * count, abs=12)
    assert "hand_strokes" in details[0].rules


def test_both_hands_at_once_are_one_stroke() -> None:
    frames = beats(5)
    for points in frames:
        points[AT["right_wrist"]] = points[AT["left_wrist"]] * (-1, 1)
    assert sum(len(detail.strokes) for detail in run(frames)[0]) == 10
    assert together([[1.0, 3.0], [1.1, 2.0]]) == [1.0, 2.0, 3.0]


def test_arms_that_swing_below_the_hips_do_not_gesticulate() -> None:
    frames = []
    for at in range(100):
        swing = 0.3 * np.sin(2 * np.pi * at / 10)
        frames.append(body({"left_wrist": (0.44 + swing, 0.15), "right_wrist": (-0.44 + swing, 0.15)}))
    assert run(frames)[2].body.gesticulation_rate == 0.0


def test_who_walks_past_does_not_gesticulate_but_moves() -> None:
    frames = [body(CLASPED) + np.array([at / 20 - 2, 0.0]) for at in range(80)]
    _, _, walking = run(frames)
    _, _, standing = run([body(CLASPED)] * 80)
    assert walking.body.gesticulation_rate == 0.0
    # Half a torso a second; a body has 3.2 torsos.
    assert walking.body.energy == pytest.approx(0.5 / 3.2, rel=0.05)
    assert standing.body.energy == pytest.approx(0.0, abs=1e-4)


def test_a_hand_out_of_sight_makes_no_strokes() -> None:
    places = np.full((30, 2), np.nan)
    places[::2] = (0.3, 0.4)
    assert strokes(np.arange(30) / 10, places, np.ones(30), jitter=0.0) == []
    assert strokes(np.zeros(0), np.zeros((0, 2)), np.zeros(0), jitter=0.0) == []


# Odd input


def test_nobody_tells_nothing() -> None:
    details, _, summary = run([])
    assert not details
    assert not summary.body.HasField("openness")


def test_a_still_picture_tells_a_posture() -> None:
    (found,), _, _ = run([body(CROSSED)])
    assert (found.facing, found.lean) == ("camera", "upright")
    assert "arms_crossed" in found.rules
    assert not found.HasField("gesticulation_rate")


def test_a_body_without_scale_is_unknown() -> None:
    (found,), _, _ = run([body()] * 10, hidden=KEYPOINTS)
    assert (found.facing, found.lean, found.energy) == ("unknown", "unknown", 0.0)
    assert list(found.rules) == []
