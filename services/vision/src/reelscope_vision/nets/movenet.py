"""MoveNet multi-pose: up to six persons with the 17 keypoints of COCO.

Source: Votel & Li, Next-Generation Pose Detection with MoveNet and TensorFlow.js, 2021 (Google, Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image, letterbox

KEYPOINTS: Final = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""COCO's order; left is the person's left."""

SIZE: Final = 256
"""Pixels of each side of the network's input."""

_SURE_POINTS = 6
"""A person has at least so many keypoints that are sure, on average."""


@dataclass(frozen=True, slots=True)
class Pose:
    """One person.

    Attributes:
        keypoints: Shape [17, 3]: x, y in pixels of the picture, score in [0,1].
        box: Shape [4], left, top, right, bottom in pixels.
        score: Of the person, in [0,1].
    """

    keypoints: NDArray[np.float64]
    box: NDArray[np.float64]
    score: float

    @property
    def certainty(self) -> float:
        """Mean score of the six surest keypoints: low for what merely looks like a person."""
        return float(np.sort(self.keypoints[:, 2])[-_SURE_POINTS:].mean())


def find(model: Any, picture: Image, *, min_score: float) -> list[Pose]:  # noqa: ANN401 - the pool's wrapper
    """Persons in a picture [h, w, 3] RGB, best first.

    Args:
        model: The loaded network, `run(outputs, feeds)`.
        picture: Any size.
        min_score: Least score of a person.
    """
    height, width = picture.shape[:2]
    placement = letterbox(width, height, SIZE, SIZE)
    canvas = np.zeros((SIZE, SIZE, 3), np.int32)
    inner = cv2.resize(picture, (placement.width, placement.height), interpolation=cv2.INTER_AREA)
    canvas[placement.top : placement.top + placement.height, placement.left : placement.left + placement.width] = inner
    rows = model.run(None, {"input:0": canvas[None]})[0].reshape(-1, 56).astype(np.float64)
    poses = []
    offset = np.array([placement.left, placement.top])
    for row in rows[rows[:, 55] >= min_score]:
        keypoints = row[:51].reshape(17, 3)
        points = (keypoints[:, 1::-1] * SIZE - offset) / placement.scale
        corners = (row[[52, 51, 54, 53]].reshape(2, 2) * SIZE - offset) / placement.scale
        poses.append(Pose(np.concatenate([points, keypoints[:, 2:]], axis=1), corners.reshape(4), float(row[55])))
    return sorted(poses, key=lambda pose: -pose.score)
