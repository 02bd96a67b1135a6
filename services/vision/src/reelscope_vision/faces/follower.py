"""Follows faces from frame to frame by their meshes, and looks for new ones now and then.

The mesh of one frame tells where to look in the next (as in MediaPipe's face tracking), which is cheaper and finer than to
detect each frame; the detector finds what is new and takes back what was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.faces.eye_look import EyeLook
from reelscope_vision.faces.views import Tiles, View, afar, surroundings
from reelscope_vision.nets.blaze import Detection, suppress
from reelscope_vision.nets.crops import Square
from reelscope_vision.nets.face_mesh import Mesh, around
from reelscope_vision.tracking.boxes import iou

SEARCH_S = 0.2
"""The detector looks so often while somebody is lost or nobody is there."""

CALM_SEARCH_S = 0.5
"""And so often while every face is followed: for those who come."""

CLOSE_SEARCH_S = 2.0
"""What shows faces of all sizes is looked at so often, and after every jump: the picture from afar, and tiles of it."""

CONFIRM_S = 1.0
"""A face that the detector has not seen for so long is looked for where it should be."""

RENEW_S = 0.1
"""A mesh is found anew so often, and at once where the eyes have changed: lids close in less. In between it moves with them."""

JUMP = 12.0
"""Mean change of the picture, in grey levels, after which everything is looked for at once: a cut, or a fast pan."""

MIN_SCORE = 0.6
"""Of the detector: its published threshold."""

LEAST_PIXELS = 16.0
"""Smaller faces are specks: the mesh, which looks at 192 pixels, makes a face of anything."""

MIN_PRESENCE = 0.5
"""Of the mesh: below, the face is lost (MediaPipe's default)."""

LONGEST_LOOK_S = 0.5
"""A look stands for at most so long: a picture that does not change is not looked at, and nobody is lost meanwhile."""

MAX_LOST_S = 1.0
"""A face that comes back at its place within this time is the same track: a hand passed before it."""

UNSEEN_S = 2.0
"""A mesh that the detector has not confirmed for so long is let go: it clings to something that is no face."""

MAX_MESHES = 3
"""So many faces are followed in one frame; of more, those whose turn it is."""

_SAME = 0.3
"""Overlap of a detection with a track from which they are one face."""

_SPEED = 4.0
"""Face sizes a second that a head moves at most: somebody who squats or jumps."""

_SAME_SIZE = 1.6
"""Ratio of sizes up to which a face found near a lost one is that one: meshes and detections frame it differently."""

_DOUBLE = 0.5
"""Overlap of two tracks from which they are one face."""

_INSIDE = 0.8
"""Share of a face that lies in a larger one, from which it is none: in a close-up, nostrils and lips look like one."""


@dataclass(slots=True)
class Followed:
    """A face as it is followed.

    Attributes:
        track: Its number, from 1.
        mesh: Where it is.
        score: Of the detector's last sight of it.
        updated_s: When its mesh was last found; later by the time in which nobody looked, as the next.
        confirmed_s: When the detector last saw it.
        cropped_s: When a crop was last cut of it.
        found_mesh: Its mesh, where that was last found.
        eyes: As they were then.
        is_lost: Whether the last look did not find it.
    """

    track: int
    mesh: Mesh
    score: float
    updated_s: float
    confirmed_s: float
    found_mesh: Mesh
    eyes: EyeLook
    cropped_s: float = -np.inf
    is_lost: bool = False


@dataclass(slots=True)
class Follower:
    """All faces of one clip.

    Attributes:
        detect: Finds faces in a picture.
        locate: Finds the mesh in a square of a picture.
    """

    detect: Callable[[Image], list[Detection]]
    locate: Callable[[Image, Square], Mesh]
    _followed: list[Followed] = field(default_factory=list)
    _next_track: int = 1
    _looked_s: float = -np.inf
    _searched_s: float = -np.inf
    _searched_closely_s: float = -np.inf
    _tiles: Tiles = field(default_factory=Tiles)

    def update(self, picture: Image, time_s: float, change: float) -> list[Followed]:
        """Takes one frame.

        Args:
            picture: [h, w, 3] RGB.
            time_s: Its time; never earlier than the one before.
            change: Mean change since the last one, in grey levels.

        Returns:
            The faces that are in it, in the order of their tracks.
        """
        jumped = change >= JUMP
        self._skip(time_s)
        lost_one = self._follow(picture, time_s)
        is_calm = bool(self._followed) and not any(face.is_lost for face in self._followed)
        wait_s = CALM_SEARCH_S if is_calm else SEARCH_S
        if jumped or lost_one or time_s - self._searched_s >= wait_s:
            self._search(picture, time_s, closely=jumped or time_s - self._searched_closely_s >= CLOSE_SEARCH_S)
        self._forget(time_s)
        return sorted((face for face in self._followed if not face.is_lost), key=lambda face: face.track)

    def _skip(self, time_s: float) -> None:
        """Takes the time in which nobody looked out of what counts against a face."""
        skipped_s = time_s - self._looked_s - LONGEST_LOOK_S
        self._looked_s = time_s
        if skipped_s > 0:
            for face in self._followed:
                face.updated_s += skipped_s
                face.confirmed_s += skipped_s

    def _follow(self, picture: Image, time_s: float) -> bool:
        """Moves the meshes of those whose turn it is: the ones not looked at for longest. Says whether one was lost."""
        present = [face for face in self._followed if not face.is_lost]
        due = []
        for face in present:
            is_as_it_was = _move_with_eyes(face, picture)
            if time_s - face.updated_s >= RENEW_S or not is_as_it_was:
                due.append(face)
        for face in sorted(due, key=lambda face: face.updated_s)[:MAX_MESHES]:
            mesh = self.locate(picture, face.mesh.square())
            if mesh.presence >= MIN_PRESENCE and _is_inside(mesh, picture):
                face.mesh = face.found_mesh = mesh
                face.updated_s, face.eyes = time_s, EyeLook.of(picture, mesh)
            else:
                face.is_lost = True
        left = [face for face in present if not face.is_lost]
        for older, younger in ((a, b) for a in left for b in left if a.track < b.track):
            wrong = _wrong_one(older.mesh, younger.mesh)
            if wrong is not None:
                face = younger if wrong is younger.mesh else older
                self._followed = [other for other in self._followed if other is not face]
        return len(left) < len(present)

    def _search(self, picture: Image, time_s: float, *, closely: bool) -> None:
        self._searched_s = time_s
        doubtful = [face for face in self._followed if face.is_lost or time_s - face.confirmed_s >= CONFIRM_S]
        views = [View(picture), *(surroundings(picture, face.mesh.box) for face in doubtful)]
        if closely:
            self._searched_closely_s = time_s
            views += [afar(picture), *self._tiles.changed(picture)]
        for detection in suppress([view.back(found) for view in views for found in self.detect(view.picture)]):
            self._take(detection, picture, time_s)

    def _take(self, detection: Detection, picture: Image, time_s: float) -> None:
        """Confirms a face, takes a lost one back, or starts a new one."""
        if float((detection.box[2:] - detection.box[:2]).max()) < LEAST_PIXELS:
            return
        known = self._match(detection, time_s)
        if known is not None and not known.is_lost:
            known.score, known.confirmed_s = detection.score, time_s
            return
        mesh = self.locate(picture, around(detection.box, detection.keypoints[0], detection.keypoints[1]))
        if mesh.presence < MIN_PRESENCE:
            return
        others = [face for face in self._followed if face is not known and not face.is_lost]
        if any(_wrong_one(face.mesh, mesh) is mesh for face in others):
            return
        eyes = EyeLook.of(picture, mesh)
        if known is None:
            self._followed.append(Followed(self._next_track, mesh, detection.score, time_s, time_s, mesh, eyes))
            self._next_track += 1
            return
        known.mesh = known.found_mesh = mesh
        known.score, known.is_lost, known.eyes = detection.score, False, eyes
        known.updated_s = known.confirmed_s = time_s

    def _match(self, detection: Detection, time_s: float) -> Followed | None:
        """The followed face that this is; a lost one may have moved since."""
        overlaps = [_overlap(face.mesh.box, detection.box) for face in self._followed]
        if overlaps and max(overlaps) > _SAME:
            return self._followed[int(np.argmax(overlaps))]
        lost = [
            face
            for face in self._followed
            if face.is_lost and _is_near(face.mesh.box, detection.box, reach=1 + _SPEED * (time_s - face.updated_s))
        ]
        return max(lost, key=lambda face: face.updated_s, default=None)

    def _forget(self, time_s: float) -> None:
        """Lets go of those that are lost for good, but not of those whose turn to be looked at has not come."""
        self._followed = [
            face
            for face in self._followed
            if not (face.is_lost and time_s - face.updated_s > MAX_LOST_S) and time_s - face.confirmed_s <= UNSEEN_S
        ]


def _move_with_eyes(face: Followed, picture: Image) -> bool:
    """Moves a face's mesh to where its eyes are; says whether they are as they were when it was found."""
    shift = face.eyes.shift_to(picture)
    if shift is not None:
        face.mesh = face.found_mesh.moved(*shift)
    return shift is not None


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes left, top, right, bottom."""
    boxes = [np.concatenate([box[:2], box[2:] - box[:2]])[None] for box in (first, second)]
    return float(iou(*boxes)[0, 0])


def _wrong_one(older: Mesh, younger: Mesh) -> Mesh | None:
    """Of two meshes the one that is no face of its own: the same face again, or a part of one that is larger."""
    if _overlap(older.box, younger.box) > _DOUBLE:
        return younger
    low, high = np.maximum(older.box[:2], younger.box[:2]), np.minimum(older.box[2:], younger.box[2:])
    shared = float(np.clip(high - low, 0, None).prod())
    areas = [float((mesh.box[2:] - mesh.box[:2]).prod()) for mesh in (older, younger)]
    if shared <= _INSIDE * min(areas):
        return None
    return older if areas[0] < areas[1] else younger


def _is_near(lost: NDArray[np.float64], found: NDArray[np.float64], *, reach: float) -> bool:
    """Whether a face of about the same size is within so many of its sizes from where the lost one was."""
    sizes = [max(float((box[2:] - box[:2]).max()), 1.0) for box in (lost, found)]
    distance = float(np.linalg.norm((lost[:2] + lost[2:] - found[:2] - found[2:]) / 2))
    return distance <= reach * max(sizes) and max(sizes) <= _SAME_SIZE * min(sizes)


def _is_inside(mesh: Mesh, picture: Image) -> bool:
    """Whether the face's middle is in the picture: a mesh that leaves with its face goes on guessing outside."""
    height, width = picture.shape[:2]
    x, y = (mesh.box[:2] + mesh.box[2:]) / 2
    return bool(0 <= x <= width and 0 <= y <= height)
