"""What a picture may be about: the people and objects in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.models.nets.nanodet import Detection
from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.faces.geometry import head_pose
from reelscope_vision.nets.face_mesh import LEFT_CORNERS, RIGHT_CORNERS
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.persons.skeleton import BODY_OF_TORSO, SEEN, skeleton
from reelscope_vision.tracking.boxes import iou

_FOREHEAD: Final = 10
_CHIN: Final = 152
"""Uppermost and lowest point of the mesh."""

_CROWN: Final = 0.3
"""Faces, from the forehead to the chin as the mesh has it, that the crown is above the forehead. The mesh is 17.7 cm high in
MediaPipe's canonical face, a head with hair 23 to 24 cm (Farkas, Anthropometry of the head and face, 1994)."""

_HEADS: Final = 7.5
"""Heads in the height of a body (Drillis & Contini 1966)."""

_FEATURES: Final = 5
"""Nose, eyes and ears are the first keypoints."""

_LEAST_SCORE: Final = 0.45
"""Of an object: NanoDet's published threshold is 0.4; what is seen once must be surer than what is tracked."""

_SURE_BODY: Final = 0.5
"""Of a body without a face that the detector of objects does not see: MoveNet gives a row of bottles 0.3 to 0.4."""

_SAME: Final = 0.4
"""Overlap of the two boxes of a person."""

_PERSON: Final = "person"

Kind = Literal["person", "object", "region"]
Place = tuple[float, float, float, float]
"""x, y, width, height, in picture sizes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the things that a picture may be about, in picture sizes.

    Attributes:
        kind: What it is.
        key: The same for the same thing in the next picture.
        label: COCO class name of an object.
        score: In [0,1].
        numbers: Shape [12] float32: the box, the head's box (NaN where there is none), the focus, head yaw in degrees (NaN
            where no face is seen), size: height of the head over the picture's for people, share of the picture for others.
    """

    kind: Kind
    key: str
    label: str
    score: float
    numbers: NDArray[np.float32]

    @classmethod
    def make(
        cls,
        kind: Kind,
        key: str,
        *,
        box: Sequence[float],
        score: float,
        size: float,
        label: str = "",
        head: Sequence[float] | None = None,
        focus: tuple[float, float] | None = None,
        yaw: float = float("nan"),
    ) -> Candidate:
        """One of plain numbers; the focus is the box's middle where none is given."""
        middle = focus or (box[0] + box[2] / 2, box[1] + box[3] / 2)
        values = [*box, *(head if head is not None else [np.nan] * 4), *middle, yaw, size]
        return cls(kind, key, label, score, np.array(values, np.float32))


def candidates(faces: FrameFaces | None, persons: FramePersons | None, objects: Sequence[Detection]) -> tuple[Candidate, ...]:
    """Everything that one picture shows; a face and its body are one."""
    found: list[Candidate] = []
    seen = [np.array([one.x, one.y, one.width, one.height]) for one in objects if one.label == _PERSON]
    free = list(persons.persons) if persons is not None else []
    for face in sorted(faces.faces if faces is not None else (), key=lambda one: -one.box[3]):
        body = _body_of(face, free)
        if body is not None:
            free.remove(body)
        found.append(_person(face, body, faces.aspect if faces is not None else 1.0))
    for person in free:
        agrees = len(seen) > 0 and float(iou(person.box[None], np.array(seen)).max()) >= _SAME
        if agrees or person.score >= _SURE_BODY:
            found.append(_faceless(person, persons.aspect if persons is not None else 1.0))
    for one in objects:
        if one.label != _PERSON and one.score >= _LEAST_SCORE:
            box = _clipped(np.array([one.x, one.y, one.width, one.height]))
            size = box[2] * box[3]
            found.append(Candidate.make("object", one.label, box=box, score=one.score, size=size, label=one.label))
    return tuple(found)


def _person(face: Face, body: Person | None, aspect: float) -> Candidate:
    head = _head(face)
    box = head
    if body is not None:
        low = np.minimum(head[:2], body.box[:2])
        high = np.maximum(head[:2] + head[2:], body.box[:2] + body.box[2:])
        box = np.concatenate([low, high - low])
    eyes = face.points[[*RIGHT_CORNERS, *LEFT_CORNERS], :2].mean(axis=0)
    return Candidate.make(
        "person",
        f"face {face.track}",
        box=_clipped(box),
        score=face.score,
        size=float(head[3]),
        # Not cut at the edge: a crown above it has no headroom.
        head=head.tolist(),
        focus=(float(eyes[0]), float(eyes[1])),
        yaw=head_pose(face.points, aspect).yaw,
    )


def _faceless(person: Person, aspect: float) -> Candidate:
    """Somebody whose face is not seen from the front: the head is where nose, eyes and ears are, and as large as it must be."""
    box = _clipped(person.box)
    size, head = box[3] / _HEADS, None
    focus = (box[0] + box[2] / 2, box[1] + size / 2)
    body = skeleton(0.0, person.keypoints, aspect)
    features = person.keypoints[:_FEATURES]
    features = features[features[:, 2] >= SEEN, :2]
    if body is not None and len(features):
        size = body.torso * BODY_OF_TORSO / _HEADS
        x, y = features.mean(axis=0)
        head, focus = [x - size / aspect / 2, y - size / 2, size / aspect, size], (float(x), float(y))
    return Candidate.make("person", f"body {person.track}", box=box, score=person.score, size=size, head=head, focus=focus)


def _head(face: Face) -> NDArray[np.float64]:
    """Box of the whole head: the mesh, and the crown above it."""
    forehead, chin = face.points[_FOREHEAD, :2].astype(np.float64), face.points[_CHIN, :2].astype(np.float64)
    crown = forehead + _CROWN * (forehead - chin)
    low = np.minimum(face.box[:2], crown)
    high = np.maximum(face.box[:2] + face.box[2:], crown)
    return np.concatenate([low, high - low])


def _body_of(face: Face, persons: Sequence[Person]) -> Person | None:
    """The person whose nose is within the face, the nearest one."""
    low, high = face.box[:2], face.box[:2] + face.box[2:]
    middle = (low + high) / 2
    inside = [one for one in persons if bool(((one.keypoints[0, :2] >= low) & (one.keypoints[0, :2] <= high)).all())]
    return min(inside, key=lambda one: float(np.linalg.norm(one.keypoints[0, :2] - middle)), default=None)


def _clipped(box: NDArray[np.float64]) -> list[float]:
    low, high = np.clip(box[:2], 0.0, 1.0), np.clip(box[:2] + box[2:], 0.0, 1.0)
    return [*low.tolist(), *(high - low).tolist()]
