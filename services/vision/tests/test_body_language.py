"""How bodies are held, on made skeletons whose bearing is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.bodylanguage.body import Body
from reelscope_vision.bodylanguage.phases import Phase, phases
from reelscope_vision.bodylanguage.reading import Readings, read
from reelscope_vision.bodylanguage.strokes import strokes
from reelscope_vision.nets.movenet import KEYPOINTS
from reelscope_vision.persons.person import Person

AT = {name: index for index, name in enumerate(KEYPOINTS)}
FRONT = {
    "nose": (0.0, -0.45),
    "left_eye": (0.06, -0.5),
    "right_eye": (-0.06, -0.5),
    "left_ear": (0.14, -0.48),
    "right_ear": (-0.14, -0.48),
    "left_shoulder": (0.31, 0.0),
    "right_shoulder": (-0.31, 0.0),
    "left_elbow": (0.4, 0.5),
    "right_elbow": (-0.4, 0.5),
    "left_wrist": (0.42, 0.95),
    "right_wrist": (-0.42, 0.95),
    "left_hip": (0.2, 1.0),
    "right_hip": (-0.2, 1.0),
    "left_knee": (0.2, 1.85),
    "right_knee": (-0.2, 1.85),
    "left_ankle": (0.2, 2.7),
    "right_ankle": (-0.2, 2.7),
}
"""A person who stands and faces the camera, torso 1 long: a person's left is on the picture's right."""

Places = dict[str, tuple[float, float]]


def made(places: Places, *, turned: float = 0.0, hidden: tuple[str, ...] = (), scale: float = 0.2) -> NDArray[np.float64]:
    """Keypoints in a picture of 4:3; `turned` tilts the body about its hips, degrees to the right."""
    angle = np.radians(turned)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    keypoints = np.zeros((17, 3))
    for name, place in {**FRONT, **places}.items():
        x, y = rotation @ (np.array(place) - (0.0, 1.0)) + (0.0, 1.0)
        keypoints[AT[name]] = ((0.6 + scale * x) * 3 / 4, 0.3 + scale * y, 0.0 if name in hidden else 0.8)
    return keypoints


def reading(keypoints: NDArray[np.float64], time_s: float = 0.0) -> Readings:
    low, high = keypoints[:, :2].min(axis=0), keypoints[:, :2].max(axis=0)
    person = Person(1, np.concatenate([low, high - low]), keypoints, 0.8)
    body = Body.of(person, None, (), 4 / 3)
    assert body is not None
    return read(body, time_s=time_s, end_s=time_s + 0.5, score=0.8, before=None)


def held(places: Places | None = None, **options: Any) -> tuple[Phase, float, float]:
    """The one phase of a body that stays as it is, its openness, and the degrees of its torso."""
    rows = np.concatenate([reading(made(places or {}, **options), time_s) for time_s in (0.0, 0.5, 1.0)])
    (phase,) = phases(rows)
    return phase, float(rows["openness"][0]), float(rows["lean_degrees"][0])


CROSSED: Places = {
    "left_elbow": (0.45, 0.5),
    "left_wrist": (-0.25, 0.5),
    "right_elbow": (-0.45, 0.5),
    "right_wrist": (0.25, 0.45),
}
SPREAD: Places = {
    "left_elbow": (0.75, 0.05),
    "left_wrist": (1.2, 0.1),
    "right_elbow": (-0.75, 0.05),
    "right_wrist": (-1.2, 0.1),
}
ON_HIPS: Places = {
    "left_elbow": (0.75, 0.55),
    "left_wrist": (0.3, 0.92),
    "right_elbow": (-0.75, 0.55),
    "right_wrist": (-0.3, 0.92),
}
AT_FACE: Places = {"left_elbow": (0.45, 0.3), "left_wrist": (0.2, -0.25)}
TURNED: Places = {
    "left_shoulder": (0.06, 0.0),
    "right_shoulder": (-0.06, 0.0),
    "left_hip": (0.06, 1.0),
    "right_hip": (-0.06, 1.0),
    "nose": (-0.2, -0.42),
    "left_ear": (0.05, -0.45),
}


def test_arms() -> None:
    (crossed, closed, _), (hanging, middle, _), (spread, wide, _) = held(CROSSED), held(), held(SPREAD)
    assert closed < 0.3
    assert closed < middle < wide
    assert middle == pytest.approx(0.5, abs=0.15)
    assert wide > 0.9
    assert "arms_crossed" in crossed.rules
    assert "arms_spread" in spread.rules
    assert "hands_on_hips" in held(ON_HIPS)[0].rules
    assert not set(hanging.rules) & {"arms_crossed", "arms_spread", "hands_together", "hands_on_hips", "hand_at_face"}


def test_a_hand_at_the_face() -> None:
    assert "hand_at_face" in held(AT_FACE)[0].rules


@pytest.mark.parametrize("degrees", [-30, -15, 0, 8, 20, 40])
def test_lean_within_five_degrees(degrees: int) -> None:
    phase, _, measured = held(turned=float(degrees))
    assert measured == pytest.approx(degrees, abs=5)
    assert phase.lean == ("upright" if abs(degrees) <= 10 else "right" if degrees > 0 else "left")


@pytest.mark.parametrize(("degrees", "lean"), [(-25, "forward"), (25, "backward"), (0, "upright")])
def test_lean_of_somebody_seen_from_the_side(degrees: int, lean: str) -> None:
    phase, _, _ = held(TURNED, turned=float(degrees))
    assert (phase.facing, phase.lean) == ("left", lean)


def test_facing() -> None:
    assert held()[0].facing == "camera"
    assert held(TURNED)[0].facing == "left"
    assert held({name: (-x, y) for name, (x, y) in TURNED.items()})[0].facing == "right"
    behind = {name: (-x, y) for name, (x, y) in FRONT.items()}
    away, _, _ = held(behind, hidden=("nose", "left_eye", "right_eye", "left_ear", "right_ear"))
    assert away.facing == "away"
    assert "face_hidden" in away.rules


def test_the_size_of_the_body_does_not_matter() -> None:
    (near, first, _), (far, second, _) = held(AT_FACE, scale=0.3), held(AT_FACE, scale=0.05)
    assert (near.rules, near.facing) == (far.rules, far.facing)
    assert first == pytest.approx(second, abs=0.01)


@pytest.mark.parametrize("rate", [6.0, 10.0])
def test_strokes_are_counted(rate: float) -> None:
    """A hand that goes up and down every second, two thirds of a torso far; and one at rest."""
    times = np.arange(0, 6, 1 / rate)
    moving = np.stack([np.full(len(times), 0.4), 0.5 + 0.35 * np.sin(2 * np.pi * times)], axis=1)
    # Once up and once down a second.
    assert 10 <= len(strokes(times, moving)) <= 13
    assert not strokes(times, np.tile([0.4, 0.5], (len(times), 1)))
