"""MediaPipe's face mesh with attention: 468 points, the eyes refined, and five points of each iris.

Source: Grishchenko et al., Attention Mesh: High-fidelity Face Mesh Prediction in Real-time, 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.crops import Points, Square

SIZE: Final = 192
"""Side of the network's input, in pixels."""

POINTS: Final = 478
"""468 of the mesh, then the person's right iris (centre, then its rim) and the left one."""

RIGHT_IRIS: Final = 468
LEFT_IRIS: Final = 473
"""Centres of the irises; the four points of the rim follow each."""

RIGHT_EYE: Final = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LEFT_EYE: Final = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
"""Contours of the eyes, lower lid from the outer to the inner corner, then the upper lid: the order of the network's own first
points of each eye."""

RIGHT_CORNERS: Final = (33, 133)
LEFT_CORNERS: Final = (263, 362)
"""Outer and inner corner."""

_MARGIN = 1.5
"""The crop is so many times as large as the face."""

_OUTPUTS = (
    "output_mesh_identity:0",
    "conv_faceflag:0",
    "output_left_eye:0",
    "output_right_eye:0",
    "output_left_iris:0",
    "output_right_iris:0",
)
"""Mesh, presence, then the person's right and left eye, right and left iris: the file names them by the picture's sides."""

_ATTENTION = "GatherND"
"""The node by which the network looks again at the eyes where it has just seen them. In what is no face it may see them
beyond the crop, and then the node fails."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """A face's points.

    Attributes:
        points: Shape [478, 3], x and y in pixels of the picture, z in the same unit, smaller is nearer.
        presence: Probability that there is a face, in [0,1].
    """

    points: NDArray[np.float64]
    presence: float

    @property
    def box(self) -> NDArray[np.float64]:
        """Left, top, right, bottom of the points, in pixels."""
        plane = self.points[:468, :2]
        return np.concatenate([plane.min(axis=0), plane.max(axis=0)])

    def moved(self, right: float, down: float) -> Mesh:
        """The same so many pixels further right and down."""
        return replace(self, points=self.points + np.array([right, down, 0.0]))

    def square(self, margin: float = _MARGIN) -> Square:
        """The upright square about the face, so many times as large as it."""
        return around(self.box, self.points[RIGHT_CORNERS[0], :2], self.points[LEFT_CORNERS[0], :2], margin)


def around(box: NDArray[np.float64], right_eye: Points, left_eye: Points, margin: float = _MARGIN) -> Square:
    """A square about a box [4] in pixels, turned so that the eyes ([2] each) are level."""
    dx, dy = left_eye - right_eye
    side = float(max(box[2] - box[0], box[3] - box[1])) * margin
    return Square(float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2, max(side, 1.0), float(np.arctan2(dy, dx)))


def locate(model: Any, picture: Image, square: Square) -> Mesh:  # noqa: ANN401 - the pool's wrapper
    """Points of the face in a square of a picture [h, w, 3] RGB.

    Args:
        model: The loaded network, `run(outputs, feeds)`.
        picture: Where the face is.
        square: About the face, 1.5 times as large.
    """
    crop = square.cut(picture, SIZE).astype(np.float32) / 255.0
    try:
        outputs = model.run(list(_OUTPUTS), {"input_1:0": crop[None]})
    except InvalidArgument as error:
        if _ATTENTION not in str(error):
            raise
        return Mesh(np.zeros((POINTS, 3)), 0.0)
    mesh, flag, *parts = (output.reshape(-1) for output in outputs)
    raw = np.zeros((POINTS, 3))
    raw[:468] = mesh.reshape(468, 3)
    right_eye, left_eye, right_iris, left_iris = (part.reshape(-1, 2) for part in parts)
    raw[list(RIGHT_EYE), :2] = right_eye[: len(RIGHT_EYE)]
    raw[list(LEFT_EYE), :2] = left_eye[: len(LEFT_EYE)]
    raw[RIGHT_IRIS:LEFT_IRIS, :2], raw[LEFT_IRIS:, :2] = right_iris, left_iris
    raw[RIGHT_IRIS:LEFT_IRIS, 2] = raw[list(RIGHT_CORNERS), 2].mean()
    raw[LEFT_IRIS:, 2] = raw[list(LEFT_CORNERS), 2].mean()
    points = np.concatenate([square.to_picture(raw[:, :2], SIZE), raw[:, 2:] * square.side / SIZE], axis=1)
    return Mesh(points, float(1 / (1 + np.exp(-np.clip(flag[0], -60, 60)))))
