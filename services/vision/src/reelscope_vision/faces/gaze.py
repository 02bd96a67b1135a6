"""Where a face's eyes look, and how far they are open, from its mesh.

The eye is a ball behind the line between its corners: the iris's place on that line tells how far the ball is turned, once what
the turn of the head does to that place is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.faces.geometry import HeadPose
from reelscope_vision.nets.face_mesh import LEFT_IRIS, RIGHT_IRIS

_RIGHT: Final = (33, 160, 158, 133, 153, 144)
_LEFT: Final = (263, 387, 385, 362, 380, 373)
"""Outer corner, two points of the upper lid, inner corner, two of the lower lid: the six of the eye aspect ratio."""

_RADIUS: Final = 0.36
"""From the eyeball's centre to the iris, in eye widths: 10.5 mm of 29 mm (Bekerman et al., Journal of Ophthalmology 2014)."""

_PROTRUSION: Final = 0.14
"""How far the iris stands before the line between the corners when it looks straight ahead, in eye widths."""

_LEVEL: Final = -0.062
"""Height of the iris over the line between the corners when it looks straight ahead, in eye widths, downwards positive."""

_LIFT: Final = 0.45
"""Share of an iris's way up or down that the mesh follows, measured on irises that were moved in pictures: sideways it follows
all the way, but lids cover what is above and below."""

_HIDING: Final = (10.0, 25.0)
"""Degrees of the head's turn between which the farther eye loses its say: behind the nose the mesh guesses at it, and leaves it
open when it closes."""

_LEAST_TRUST: Final = 0.02

_STEEPEST: Final = 0.95
"""Sine of the largest turn of an eye that is believed."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """Both eyes of a face in one frame.

    Attributes:
        yaw: Degrees from the line to the camera, positive to the right of the picture.
        pitch: Degrees, positive is up.
        openness: Eye aspect ratio (Soukupova & Cech, Real-Time Eye Blink Detection using Facial Landmarks, 2016), mean of both.
        width: Of the wider eye, in frame heights.
    """

    yaw: float
    pitch: float
    openness: float
    width: float


def eyes_of(mesh: NDArray[np.float64], head: HeadPose) -> Eyes:
    """Gaze and openness.

    Args:
        mesh: Shape [478, 3] in one unit on all axes.
        head: Of the same face.
    """
    both = [_eye(mesh[:, :2], _RIGHT, RIGHT_IRIS), _eye(mesh[:, :2], _LEFT, LEFT_IRIS)]
    widths = np.array([eye[3] for eye in both])
    weights = (widths + 1e-9) * (_trust(-head.yaw), _trust(head.yaw))
    across, down, openness = (float(np.average([eye[at] for eye in both], weights=weights)) for at in range(3))
    return Eyes(
        yaw=head.yaw + _turn(across, head.yaw),
        pitch=head.pitch - _turn((down - _LEVEL) / _LIFT, -head.pitch),
        openness=openness,
        width=float(widths.max()),
    )


def _trust(away_degrees: float) -> float:
    """How much an eye counts that lies on the side which the head turns away from the camera by so much."""
    near, far = _HIDING
    return float(np.clip((far - away_degrees) / (far - near), _LEAST_TRUST, 1.0))


def _eye(plane: NDArray[np.float64], contour: tuple[int, ...], iris: int) -> tuple[float, float, float, float]:
    """Iris from the middle between the corners, to the right of the picture and down, in eye widths; openness; width."""
    outer, upper_outer, upper_inner, inner, lower_inner, lower_outer = plane[list(contour)]
    width = max(float(np.linalg.norm(outer - inner)), 1e-9)
    left, right = sorted((outer, inner), key=lambda corner: float(corner[0]))
    along = (right - left) / width
    offset = (plane[iris] - (outer + inner) / 2) / width
    height = float(np.linalg.norm(upper_outer - lower_outer) + np.linalg.norm(upper_inner - lower_inner)) / 2
    return float(offset @ along), float(offset @ (-along[1], along[0])), height / width, width


def _turn(offset: float, head_degrees: float) -> float:
    """Degrees by which the eyeball is turned in the head when its iris appears so far from the middle."""
    seen = offset - _PROTRUSION * np.tan(np.radians(np.clip(head_degrees, -60, 60)))
    return float(np.degrees(np.arcsin(np.clip(seen / _RADIUS, -_STEEPEST, _STEEPEST))))
