"""What a skeleton's points say of a body: lengths in torsos, so that they hold at any distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.nets.movenet import KEYPOINTS

_AT: Final = {name: index for index, name in enumerate(KEYPOINTS)}
NOSE: Final = _AT["nose"]
SHOULDERS: Final = (_AT["left_shoulder"], _AT["right_shoulder"])
WRISTS: Final = (_AT["left_wrist"], _AT["right_wrist"])
HIPS: Final = (_AT["left_hip"], _AT["right_hip"])
KNEES: Final = (_AT["left_knee"], _AT["right_knee"])
ANKLES: Final = (_AT["left_ankle"], _AT["right_ankle"])

SEEN: Final = 0.3
"""Score from which a point is believed: the network's authors draw points from here on."""

BODY_OF_TORSO: Final = 3.3
"""A body is so many times as high as the way from the shoulders to the hips (Drillis & Contini 1966: 0.30 of the height)."""

_NOSE: Final = 0.5
"""Torsos from the shoulders up to the nose, of who shows the back of the head."""

_LEAST_STEPS: Final = 2

_LEAST_TORSO: Final = 0.02
"""Of the frame's height: a smaller body tells nothing."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """One body in one frame; NaN where the points that a measure needs are not seen.

    Attributes:
        time_s: Time of the frame.
        torso: Shoulders to hips, in frame heights.
        upright: Cosine of the torso's angle to the vertical: 1 upright, 0 lying.
        thigh: Hips over the lower knee, in torsos: about 0.85 standing, be it on one leg, 0.4 and less sitting or squatting.
        legs: Hips over the lower ankle, in torsos: about 1.65 standing, 1.1 and less squatting or sitting.
        wrists: Higher wrist over the nose, in torsos; positive is above.
        both_wrists: Lower wrist over the nose, in torsos.
        clasp: Distance of the wrists, in torsos.
        hands_up: Lower wrist over the hips, in torsos.
        hips_y: Height of the hips' middle in the frame, in frame heights from the top.
        ankles_y: The same of the ankles'.
        facing: Left shoulder right of the right one, in torsos: positive faces the camera, negative turns its back.
        points: Keypoints in one unit, shape [17, 2], frame heights.
        scores: Of the keypoints, shape [17].
    """

    time_s: float
    torso: float
    upright: float
    thigh: float
    legs: float
    wrists: float
    both_wrists: float
    clasp: float
    hands_up: float
    hips_y: float
    ankles_y: float
    facing: float
    points: NDArray[np.float64]
    scores: NDArray[np.float64]


def skeleton(time_s: float, keypoints: NDArray[np.float64], aspect: float) -> Skeleton | None:
    """Measures of a body; None where its torso is not seen.

    Args:
        time_s: Time of the frame.
        keypoints: Shape [17, 3]: x, y in frame sizes, score.
        aspect: Width over height of the picture.
    """
    points, scores = keypoints[:, :2] * (aspect, 1.0), keypoints[:, 2]
    if min(scores[list(SHOULDERS)].max(), scores[list(HIPS)].max()) < SEEN:
        return None

    def middle(pair: tuple[int, int]) -> NDArray[np.float64]:
        """Of the points of a pair that are seen; NaN where none is."""
        seen = [index for index in pair if scores[index] >= SEEN]
        return points[seen].mean(axis=0) if seen else np.full(2, np.nan)

    def lowest(pair: tuple[int, int]) -> float:
        """Height of the lower point of a pair: who lifts a leg stands on the other one."""
        return max((float(points[index, 1]) for index in pair if scores[index] >= SEEN), default=float("nan"))

    shoulders, hips, ankles = (middle(pair) for pair in (SHOULDERS, HIPS, ANKLES))
    torso = float(np.linalg.norm(hips - shoulders))
    if torso < _LEAST_TORSO:
        return None
    nose_y = points[NOSE, 1] if scores[NOSE] >= SEEN else shoulders[1] - _NOSE * torso
    wrists = [points[index] if scores[index] >= SEEN else np.full(2, np.nan) for index in WRISTS]
    above = [(nose_y - wrist[1]) / torso for wrist in wrists]
    known = [value for value in above if not np.isnan(value)]
    left, right = (points[index] if scores[index] >= SEEN else np.full(2, np.nan) for index in SHOULDERS)
    return Skeleton(
        time_s=time_s,
        torso=torso,
        upright=float((hips - shoulders)[1]) / torso,
        thigh=(lowest(KNEES) - float(hips[1])) / torso,
        legs=(lowest(ANKLES) - float(hips[1])) / torso,
        wrists=max(known, default=float("nan")),
        both_wrists=min(above) if len(known) == len(above) else float("nan"),
        clasp=float(np.linalg.norm(wrists[0] - wrists[1])) / torso,
        hands_up=float(hips[1] - max(wrists[0][1], wrists[1][1])) / torso,
        hips_y=float(hips[1]),
        ankles_y=float(ankles[1]),
        facing=float(left[0] - right[0]) / torso,
        points=points,
        scores=scores,
    )


def energy(skeletons: Sequence[Skeleton]) -> float:
    """Mean speed of the keypoints that are seen, in body heights a second; 0 where there are too few."""
    speeds = []
    for before, after in pairwise(skeletons):
        both = (before.scores >= SEEN) & (after.scores >= SEEN)
        elapsed_s = after.time_s - before.time_s
        if both.any() and elapsed_s > 0:
            moved = np.linalg.norm(after.points[both] - before.points[both], axis=1)
            speeds.append(float(moved.mean()) / (BODY_OF_TORSO * after.torso) / elapsed_s)
    return float(np.mean(speeds)) if len(speeds) >= _LEAST_STEPS else 0.0
