"""What a hand shows, by rules on its fingers."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.nets.hand_landmark import INDEX, LITTLE, MIDDLE, RING, THUMB, WRIST

_STRAIGHT: Final = 60.0
"""Degrees that a finger's two outer joints bend together, up to which it is extended; a relaxed one bends by about 70."""

_CURLED: Final = 100.0
"""And from which it is curled."""

_THUMB_STRAIGHT: Final = 40.0
"""The same of the thumb's outer joint, up to which it is extended, where it also stands off."""

_THUMB_OFF: Final = 0.55
"""Palm lengths from the thumb's tip to the nearest joint of index and middle finger from which it stands off: laid on a fist,
or along it, it does not."""

_TOUCH: Final = 0.3
"""Palm lengths between two tips that touch."""

_UPRIGHT: Final = 45.0
"""Degrees to the vertical up to which a thumb points up or down."""


def gesture_of(points: NDArray[np.float64]) -> str:
    """The gesture, as in the contract; "none" where no rule fits.

    Args:
        points: Shape [21, 3] in one unit, x to the right, y down.
    """
    fingers = [_finger(points, joints) for joints in (INDEX, MIDDLE, RING, LITTLE)]
    thumb = _thumb_is_out(points)
    palm = _palm(points)
    touching = float(np.linalg.norm(points[THUMB[-1]] - points[INDEX[-1]])) <= _TOUCH * palm
    if touching and all(state == "out" for state in fingers[1:]):
        return "ok"
    out = tuple(state == "out" for state in fingers)
    if not any(out):
        if "bent" in fingers:
            return "none"
        return _thumb_sign(points) if thumb else "fist"
    return _GESTURES.get((thumb, *out), _GESTURES.get((None, *out), "none"))


_GESTURES: Final[dict[tuple[bool | None, ...], str]] = {
    (None, True, False, False, False): "pointing",
    (None, True, True, False, False): "victory",
    (None, True, False, False, True): "rock",
    (None, True, True, True, True): "open_palm",
    (True, False, False, False, True): "call_me",
}
"""By the thumb (None: either way), index, middle, ring and little finger, whether they are extended."""


def _palm(points: NDArray[np.float64]) -> float:
    return max(float(np.linalg.norm(points[MIDDLE[0]] - points[WRIST])), 1e-9)


def _bend(points: NDArray[np.float64], first: int, middle: int, last: int) -> float:
    """Degrees by which a joint is bent; 0 is straight."""
    before, after = points[middle] - points[first], points[last] - points[middle]
    lengths = float(np.linalg.norm(before) * np.linalg.norm(after))
    return float(np.degrees(np.arccos(np.clip(float(before @ after) / max(lengths, 1e-12), -1.0, 1.0))))


def _finger(points: NDArray[np.float64], joints: tuple[int, int, int, int]) -> str:
    """Says "out", "in", or "bent" for neither."""
    knuckle, middle, outer, tip = joints
    bend = _bend(points, knuckle, middle, outer) + _bend(points, middle, outer, tip)
    reach = float(np.linalg.norm(points[tip] - points[WRIST])) / max(
        float(np.linalg.norm(points[middle] - points[WRIST])), 1e-9
    )
    if bend <= _STRAIGHT and reach > 1.0:
        return "out"
    # Seen from the front, a finger that is curled towards the camera looks short rather than bent.
    return "in" if bend >= _CURLED or reach < 1.0 else "bent"


def _thumb_is_out(points: NDArray[np.float64]) -> bool:
    joints = points[[*INDEX[:3], *MIDDLE[:3]]]
    off = float(np.linalg.norm(joints - points[THUMB[-1]], axis=1).min()) / _palm(points)
    return off >= _THUMB_OFF and _bend(points, *THUMB[1:]) <= _THUMB_STRAIGHT


def _thumb_sign(points: NDArray[np.float64]) -> str:
    x, y = (points[THUMB[-1]] - points[THUMB[1]])[:2]
    angle = float(np.degrees(np.arctan2(x, -y)))
    if abs(angle) <= _UPRIGHT:
        return "thumb_up"
    return "thumb_down" if abs(angle) >= 180 - _UPRIGHT else "fist"
