"""What arms and hands do in one picture: how open they are, what they hold or touch."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.bodylanguage.body import ELBOWS, SHOULDER_WIDTH, Body
from reelscope_vision.persons.skeleton import HIPS, NOSE, SHOULDERS, WRISTS

HOLDS: Final = ("", "arms_crossed", "hands_together", "hands_on_hips", "arms_spread", "hand_at_face", "hand_on_arm")
"""What `hold` gives: at most one in a picture."""

TOUCHES: Final = frozenset({"hand_at_face", "hand_on_arm"})
"""Holds that touch oneself (self-adaptors; Ekman & Friesen, The repertoire of nonverbal behavior, 1969)."""

_WRIST_REACH: Final = (-0.75, 2.25)
_ELBOW_REACH: Final = (0.8, 2.2)
"""Half shoulder widths from the body's middle, outwards on its own side: as closed and as open as can be. Wrists are at -0.3
with crossed arms, 0 together, 1.2 hanging, 2.3 and more spread; elbows at 1.0 with crossed arms, 1.2 hanging, 2.2 spread."""

_RAISED: Final = 3.0
"""Half shoulder widths of reach that a torso above the nose counts as: raised arms are as open as spread ones."""

_SPREAD: Final = 0.75
"""Openness from which arms are spread."""

_ON_ARM: Final = 0.16
"""Torsos from the middle of a hand to the other arm: half a hand and half an arm, 8 cm."""

_FOREARM: Final = 0.4
"""Of the forearm, from the elbow, that counts as arm; nearer to the wrist hands are together."""

_TOGETHER: Final = 0.25
"""Torsos between the middles of two hands that hold each other."""

_AT_HIP: Final = 0.45
"""Torsos from the hip's joint to the wrist of a hand that is set on the hip, which is above and beside it."""

_ELBOW_OUT: Final = 1.8
"""Half shoulder widths from the body's middle to an elbow that is pushed outwards; in the lap hands are as near to the hips."""

_HEAD_MARGIN: Final = 0.08
"""Torsos: half a hand, where only its middle is known."""

_LEAST_FINGERS: Final = 2
"""Landmarks of a hand that are at the head."""


def openness(body: Body, *, towards_camera: bool) -> float:
    """How open the arms are, in [0,1]; NaN where neither wrists nor elbows are seen.

    The reach of the limbs from the body's middle, as in the contraction index of Camurri, Lagerlöf, Volpe, Recognizing emotion
    from dance movement, 2003.

    Args:
        body: Seen from the front or the back.
        towards_camera: From the front.
    """
    side = np.array([1.0, -1.0]) * (1 if towards_camera else -1)
    half = body.unit * SHOULDER_WIDTH / 2
    parts = []
    for joints, (closed, opened) in ((WRISTS, _WRIST_REACH), (ELBOWS, _ELBOW_REACH)):
        places = body.points[list(joints)]
        raised = np.nan_to_num(np.maximum(0.0, body.points[NOSE, 1] - places[:, 1]) / body.unit)
        reach = side * (places[:, 0] - body.shoulders[0]) / half + _RAISED * raised
        seen = reach[~np.isnan(reach)]
        if len(seen):
            parts.append(float(np.clip((seen.mean() - closed) / (opened - closed), 0.0, 1.0)))
    return float(np.mean(parts)) if parts else float("nan")


def hold(body: Body, open_by: float, *, from_side: bool) -> str:
    """The one hold of the arms that tells most, empty where they do nothing in particular.

    Args:
        body: Seen from anywhere.
        open_by: Its openness; NaN where it is not known.
        from_side: Whether it shows its side: then both arms are in one place, whatever they do.
    """
    if any(_is_at_head(body, side) for side in (0, 1)):
        return "hand_at_face"
    if from_side:
        return ""
    on_arm = [_is_on_other_arm(body, side) for side in (0, 1)]
    apart = float(np.linalg.norm(body.hands[0] - body.hands[1])) / body.unit
    rules = {
        "arms_crossed": all(on_arm),
        "hands_together": apart <= _TOGETHER,
        "hand_on_arm": any(on_arm),
        "hands_on_hips": all(_is_on_hip(body, side) for side in (0, 1)),
        "arms_spread": open_by >= _SPREAD,
    }
    return next((name for name, speaks in rules.items() if speaks), "")


def _is_at_head(body: Body, side: int) -> bool:
    middle, axes = body.head
    if (landmarks := body.fingers[side]) is not None:
        return int((np.hypot(*((landmarks - middle) / axes).T) <= 1).sum()) >= _LEAST_FINGERS
    return float(np.hypot(*((body.hands[side] - middle) / (axes + _HEAD_MARGIN * body.unit)))) <= 1


def _is_on_other_arm(body: Body, side: int) -> bool:
    shoulder, elbow, wrist = (body.points[pair[1 - side]] for pair in (SHOULDERS, ELBOWS, WRISTS))
    hand = body.hands[side]
    beyond = elbow + _FOREARM * (wrist - elbow)
    nearest = np.fmin(_distance(hand, shoulder, elbow), _distance(hand, elbow, beyond))
    return bool(nearest <= _ON_ARM * body.unit)


def _is_on_hip(body: Body, side: int) -> bool:
    hip, elbow, wrist = (body.points[pair[side]] for pair in (HIPS, ELBOWS, WRISTS))
    outwards = abs(elbow[0] - body.shoulders[0]) / (body.unit * SHOULDER_WIDTH / 2)
    return bool(np.linalg.norm(wrist - hip) <= _AT_HIP * body.unit and outwards >= _ELBOW_OUT)


def _distance(point: NDArray[np.float64], start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    """From a point to a line between two others; NaN where one is not seen."""
    way = end - start
    length = float(way @ way)
    at = float(np.clip((point - start) @ way / length, 0.0, 1.0)) if length > 0 else 0.0
    return float(np.linalg.norm(point - start - at * way))
