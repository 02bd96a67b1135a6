"""What stands out of a picture, and where its visual weight lies.

Source: Achanta et al., Frequency-tuned salient region detection, CVPR 2009: the distance of each pixel's colour from the mean
colour in CIELAB. Centre of the weight: the deviation of the centre of mass of Hübner & Fillinger, Comparison of objective
measures for predicting perceptual balance and visual aesthetic preference, 2016, with saliency as mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Lab = NDArray[np.float32]
"""Shape [h, w, 3], CIELAB."""

_NOTHING: Final = 1.0
"""Squared colour difference that is added everywhere: just noticeable, so that a plain picture weighs the same all over."""

_ADAPTIVE: Final = 2.0
"""Times the mean saliency from which a pixel belongs to what stands out, as in the paper."""

_LEAST_CONTRAST: Final = 15.0
"""Mean colour difference of a region to its surroundings, from which it catches the eye."""

_AREA: Final = (0.004, 0.5)
"""Share of the picture that a region that stands out may have; a larger one is the background."""

_DOMINANT: Final = 0.6
"""Share of all that stands out that belongs to the one region, or else there is no subject but a pattern."""

_MOST_EDGES: Final = 1
"""Edges of the picture that a region may touch: ground and sky touch two or three (the boundary prior of Zhu et al., Saliency
optimization from robust background detection, 2014)."""

_COMPACT: Final = 0.35
"""Share of its box that a region fills; a frame around the picture, or branches, fill less."""


@dataclass(frozen=True, slots=True)
class Saliency:
    """What stands out.

    Attributes:
        center: x and y of the visual weight's centre, in picture sizes.
        region: x, y, w, h of the one region that stands out, in picture sizes; None where there is none, or several.
        sureness: Share of all that stands out that belongs to it, in [0,1].
    """

    center: tuple[float, float]
    region: tuple[float, float, float, float] | None
    sureness: float


def saliency(lab: Lab) -> Saliency:
    """Looks at a small picture."""
    height, width = lab.shape[:2]
    smooth = np.asarray(cv2.GaussianBlur(lab, (3, 3), 0), np.float32)
    distance = np.asarray(np.linalg.norm(smooth - lab.mean(axis=(0, 1)), axis=2), np.float32)
    weight = distance**2 + _NOTHING
    total = float(weight.sum())
    center = (
        float(weight.sum(axis=0) @ (np.arange(width) + 0.5)) / total / width,
        float(weight.sum(axis=1) @ (np.arange(height) + 0.5)) / total / height,
    )
    region, sureness = _region(smooth, distance)
    return Saliency(center, region, sureness)


def _region(lab: Lab, distance: NDArray[np.float32]) -> tuple[tuple[float, float, float, float] | None, float]:
    height, width = distance.shape
    mask = np.asarray(distance > _ADAPTIVE * distance.mean(), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:  # noqa: PLR2004 - the background is one
        return None, 0.0
    masses = np.bincount(labels.ravel(), weights=distance.ravel(), minlength=count)[1:]
    best = int(masses.argmax()) + 1
    left, top, across, down, area = (int(value) for value in stats[best])
    sureness = float(masses[best - 1] / masses.sum())
    inside = labels == best
    contrast = float(np.linalg.norm(lab[inside].mean(axis=0) - lab[~inside].mean(axis=0)))
    edges = (left == 0) + (top == 0) + (left + across == width) + (top + down == height)
    stands_out = (
        edges <= _MOST_EDGES
        and sureness >= _DOMINANT
        and _AREA[0] <= area / distance.size <= _AREA[1]
        and area >= _COMPACT * across * down
        and contrast >= _LEAST_CONTRAST
    )
    return ((left / width, top / height, across / width, down / height) if stands_out else None), sureness
