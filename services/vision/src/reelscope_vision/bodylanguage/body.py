"""One body in one picture, in lengths of its own torso."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.faces.face import Face
from reelscope_vision.faces.geometry import head_pose
from reelscope_vision.hands.hand import Hand
from reelscope_vision.nets.movenet import KEYPOINTS
from reelscope_vision.persons.person import Person
from reelscope_vision.persons.skeleton import HIPS, NOSE, SEEN, SHOULDERS, WRISTS

ELBOWS: Final = (KEYPOINTS.index("left_elbow"), KEYPOINTS.index("right_elbow"))
EYES: Final = (KEYPOINTS.index("left_eye"), KEYPOINTS.index("right_eye"))
EARS: Final = (KEYPOINTS.index("left_ear"), KEYPOINTS.index("right_ear"))
HEAD: Final = (NOSE, *EYES, *EARS)

SHOULDER_WIDTH: Final = 0.7
"""Torsos between the shoulders of somebody who faces the camera: 0.36 m of 0.5 m between the middles of the joints (Drillis &
Contini, Body segment parameters, 1966)."""

_WIDEST: Final = 0.78
"""Where they are further apart the torso only looks short: it leans towards the camera, or the lap hides the hips."""

_FACE_OF_TORSO: Final = 0.28
"""Height of a face as the mesh has it, in torsos: 0.085 bodies of 1/3.3 body."""

_LEAST_UNIT: Final = 0.02
"""Of the frame's height: a smaller body tells nothing."""

_HEAD_RADIUS: Final = 0.23
"""Half a head's height, in torsos."""

_PROFILE_DEGREES: Final = 70.0
"""Yaw of a head that hides one of its ears."""

_EARS_OVER_NOSE: Final = 1.3
"""Distance between the ears over that of the nose's tip before them: 15 cm and 11.5 cm (Farkas, Anthropometry of the head and
face, 1994)."""

_PALM: Final = 0.35
"""Forearms that the middle of the hand is beyond the wrist (Drillis & Contini 1966: 0.51 from the wrist to the fingertips)."""

_NEAR: Final = 0.25
"""Torsos from a skeleton's wrist up to which a hand is that person's."""

_FAR_WRIST: Final = 1.4
"""Torsos from the shoulders (or the head) that an arm reaches, where the wrist itself is not seen."""


@dataclass(frozen=True, slots=True)
class Body:
    """One body; points are [x, y] in frame heights, NaN where they are not seen.

    Attributes:
        points: Shape [17, 2].
        unit: Length of the torso, in frame heights.
        knows_unit: Whether it comes from the torso or the face, so that the shoulders' width can be compared with it.
        hands: Middle of the left and the right hand, shape [2, 2].
        fingers: Landmarks of each hand where they are known, shape [21, 2].
        face: The person's face, if seen.
        aspect: Width over height of the picture.
    """

    points: NDArray[np.float64]
    unit: float
    knows_unit: bool
    hands: NDArray[np.float64]
    fingers: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]
    face: Face | None
    aspect: float

    @classmethod
    def of(cls, person: Person, face: Face | None, hands: tuple[Hand, ...], aspect: float) -> Self | None:
        """Everything that is known of a person; None where nothing gives a scale.

        Args:
            person: Its skeleton.
            face: Its face.
            hands: All hands of the picture.
            aspect: Width over height of the picture.
        """
        points = np.where(person.keypoints[:, 2:] >= SEEN, person.keypoints[:, :2] * (aspect, 1.0), np.nan)
        torso = _torso(points)
        width = float(np.linalg.norm(points[SHOULDERS[0]] - points[SHOULDERS[1]]))
        lengths = [torso, face.box[3] / _FACE_OF_TORSO if face is not None else np.nan]
        known = [length for length in lengths if not np.isnan(length)]
        unit = known[0] if known else width / SHOULDER_WIDTH
        if not np.isnan(width):
            unit = max(unit, width / _WIDEST)
        if np.isnan(unit) or unit < _LEAST_UNIT:
            return None
        fingers = _fingers(points, unit, hands, aspect)
        return cls(points, unit, bool(known), _hands(points, fingers), fingers, face, aspect)

    @property
    def shoulders(self) -> NDArray[np.float64]:
        """Between the shoulders, or the one that is seen."""
        return _middle(self.points[list(SHOULDERS)])

    @property
    def face_seen(self) -> bool:
        """Whether there is a face, or a nose and an eye."""
        return self.face is not None or not (np.isnan(self.points[NOSE, 0]) or np.isnan(self.points[list(EYES), 0]).all())

    @property
    def span(self) -> float:
        """Left shoulder right of the right one, in torsos: positive faces the camera, negative turns its back."""
        if not self.knows_unit:
            return float("nan")
        return float(self.points[SHOULDERS[0], 0] - self.points[SHOULDERS[1], 0]) / self.unit

    @property
    def lean_degrees(self) -> float:
        """Of the torso to the vertical, positive to the right of the picture; NaN where no side of it is seen."""
        x, y = _middle(self.points[list(SHOULDERS)] - self.points[list(HIPS)])
        return float(np.degrees(np.arctan2(x, -y)))

    @property
    def head(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middle and half axes of the head."""
        if self.face is not None:
            x, y, width, height = self.face.box * (self.aspect, 1.0, self.aspect, 1.0)
            # The mesh ends at the forehead, and before the ears.
            return np.array([x + width / 2, y + 0.35 * height]), np.array([0.6 * width, 0.65 * height])
        radius = _HEAD_RADIUS * self.unit
        return _middle(self.points[list(HEAD)]), np.array([0.8 * radius, radius])

    @property
    def head_yaw(self) -> float:
        """Degrees, positive to the right of the picture; NaN where the head can't be seen well enough."""
        if self.face is not None:
            return head_pose(self.face.points, self.aspect).yaw
        nose, ears = self.points[NOSE], self.points[list(EARS)]
        seen = ~np.isnan(ears[:, 0])
        if np.isnan(nose[0]) or not seen.any():
            return float("nan")
        if not seen.all():
            # One ear is hidden by the head.
            return float(np.copysign(_PROFILE_DEGREES, nose[0] - ears[seen][0, 0]))
        ahead = float(nose[0] - ears[:, 0].mean())
        return float(np.degrees(np.arctan2(_EARS_OVER_NOSE * ahead, float(ears[0, 0] - ears[1, 0]))))


def _torso(points: NDArray[np.float64]) -> float:
    """Shoulders to hips, of the sides that are seen."""
    return float(np.linalg.norm(_middle(points[list(SHOULDERS)] - points[list(HIPS)])))


def _middle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the points [n, 2] that are not NaN."""
    seen = points[~np.isnan(points[:, 0])]
    return seen.mean(axis=0) if len(seen) else np.full(2, np.nan)


def _fingers(
    points: NDArray[np.float64], unit: float, hands: tuple[Hand, ...], aspect: float
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Landmarks of the person's left and right hand: of hands with their wrist at the skeleton's, or within an arm's reach."""
    found: list[NDArray[np.float64] | None] = [None, None]
    root = _middle(points[list(SHOULDERS)])
    if np.isnan(root[0]):
        root = _middle(points[list(HEAD)])
    for hand in sorted(hands, key=lambda one: -one.presence):
        landmarks = hand.points[:, :2] * (aspect, 1.0)
        apart = np.linalg.norm(points[list(WRISTS)] - landmarks[0], axis=1) / unit
        side = int(np.nanargmin(apart)) if not np.isnan(apart).all() else int(hand.left < 0.5)  # noqa: PLR2004 - even chances
        if apart[side] > _NEAR or found[side] is not None:
            continue
        reach = float(np.linalg.norm(root - landmarks[0])) / unit
        if not np.isnan(apart[side]) or reach <= _FAR_WRIST:
            found[side] = landmarks
    return found[0], found[1]


def _hands(
    points: NDArray[np.float64], fingers: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]
) -> NDArray[np.float64]:
    """Middle of each hand: of its landmarks, else beyond the wrist as the forearm points."""
    middles = []
    for elbow, wrist, landmarks in zip(ELBOWS, WRISTS, fingers, strict=True):
        if landmarks is not None:
            middles.append(landmarks.mean(axis=0))
        elif np.isnan(points[elbow, 0]):
            middles.append(points[wrist])
        else:
            middles.append(points[wrist] + _PALM * (points[wrist] - points[elbow]))
    return np.array(middles)
