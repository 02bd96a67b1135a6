"""Which way a body faces."""

from __future__ import annotations

from typing import Final

import numpy as np

from reelscope_vision.bodylanguage.body import Body
from reelscope_vision.persons.skeleton import NOSE

_TURNED: Final = 0.35
"""Shoulder width in torsos, below which a body shows its side: turned by 60 degrees of a frontal 0.7."""

_HALF_TURNED: Final = 0.55
"""The same of a body whose head faces that side, too: turned by 40 degrees."""

_ASIDE_DEGREES: Final = 45.0
"""Head yaw from which a head faces a side."""

_GLANCE_DEGREES: Final = 10.0
"""Head yaw that tells the side of a body that shows its side."""


def facing(body: Body) -> tuple[str, str]:
    """camera, left, right (of the picture), away or unknown, and the rule that says so. The body says it, else the head."""
    span, yaw = body.span, body.head_yaw
    if not np.isnan(span):
        if abs(span) < _TURNED or (abs(span) < _HALF_TURNED and _ASIDE_DEGREES <= abs(yaw) <= 180 - _ASIDE_DEGREES):
            return _side(body, yaw), "shoulders_turned"
        # Which shoulder is which is guessed of a back; a face is seen or not.
        if not body.face_seen:
            return "away", "face_hidden"
        return "camera", "shoulders_towards_camera"
    if np.isnan(yaw):
        return ("unknown", "") if np.isnan(body.shoulders[0]) or body.face_seen else ("away", "face_hidden")
    if abs(yaw) < _ASIDE_DEGREES:
        return "camera", "head_towards_camera"
    return "right" if yaw > 0 else "left", "head_turned"


def _side(body: Body, yaw: float) -> str:
    """Where the nose points, or where it is from the shoulders: a face is in front of its neck."""
    ahead = float(body.points[NOSE, 0] - body.shoulders[0])
    direction = yaw if abs(yaw) >= _GLANCE_DEGREES else ahead
    if np.isnan(direction) or direction == 0:
        return "unknown"
    return "right" if direction > 0 else "left"
