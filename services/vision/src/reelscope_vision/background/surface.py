"""What a background looks like: plain, a colour to be keyed out, blurred, or with the detail of a real place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.media.items import Image
from reelscope_vision.color.oklab import Colors, chroma, hue_degrees, saturation
from reelscope_vision.quality.measures import noise
from reelscope_vision.quality.sharpness import FINE_STEP, LEAST_SIDE, least_edge, slope_scale, windows

Kind = Literal["", "real", "blurred", "plain", "green_screen"]

_SOFT_PERCENT: Final = 75.0
"""Percentile of the slopes: a caption in front of a blurred background takes less than a quarter of its edges."""

_LEAST_EDGES: Final = 8
_LEAST_EDGE_SHARE: Final = 0.02
"""Windows with edges, and their share, for their slopes to tell anything."""

_NEAR_PERSON: Final = 7
"""Windows on a side, four pixels from one to the next, within which there must be no person, whose outline is sharp."""

_MASK_EDGE: Final = 0.1
"""Of the mask: below is background, above one less this is a person."""

_PLAIN_REST: Final = 0.045
"""OKLab distance from a smooth shading that four fifths of a plain background stay below: two just noticeable differences."""

_PLAIN_USUAL_REST: Final = 0.015
"""The same of half of it: what is left of a photo when all detail is blurred away still bends more than a wall's shading."""

_PLAIN_EDGES: Final = 0.3
"""Share of windows with edges that a plain background may have: sockets, seams, a strip of something else at its rim."""

_REST_PERCENT: Final = 80.0

_BLURRED: Final = 0.19
"""Slope of the edges in a picture of 720 pixels: a blur of 4 pixels, which is more than a phone's lens makes of a room."""

_BLURRED_UNSURE: Final = 0.15
"""The same where there is no person's sharpness to compare with."""

_BLURRED_ALONE: Final = 0.6
"""Of the person's own slope that the background's must stay below: if all is soft the picture is bad, not its background."""

_KEY_HUES: Final = {"green": (128.0, 162.0), "blue": (250.0, 275.0)}
"""Degrees in OKLab around the keying colours green and blue. Walls and skies that look blue are at 215 to 245."""

_KEY_SATURATION: Final = {"green": 0.45, "blue": 0.55}
"""Of the purest colour of that hue. A painted wall stays below 0.4, as does foliage."""

_KEY_SPREAD: Final = 0.15
"""Of lightness between the 10th and 90th percentile: what is to be keyed is lit evenly, a wall grows darker from the lamp."""

_MOST_FITS: Final = 4


@dataclass(frozen=True, slots=True)
class Surface:
    """Measures of a background.

    Attributes:
        rest: OKLab distance from a smooth shading that four fifths of it stay below.
        usual_rest: The same of half of it.
        lightness_spread: Between its 10th and 90th percentile.
        hue: Degrees, of its median colour.
        saturation: Of its median colour, in [0,1].
        edges: Share of its windows with edges.
        side: Longer side of the picture, in pixels.
        slope: Of its edges, in [0,1]; None: too few.
        person_slope: Of the edges of the persons in front; None: too few.
    """

    rest: float
    usual_rest: float
    lightness_spread: float
    hue: float
    saturation: float
    edges: float
    side: int
    slope: float | None
    person_slope: float | None

    @property
    def kind(self) -> Kind:
        """What it looks like."""
        if self.rest <= _PLAIN_REST and self.usual_rest <= _PLAIN_USUAL_REST and self.edges <= _PLAIN_EDGES:
            return "green_screen" if self._is_key else "plain"
        return "blurred" if self._is_blurred else "real"

    @property
    def _is_key(self) -> bool:
        return self.lightness_spread <= _KEY_SPREAD and any(
            low <= self.hue <= high and self.saturation >= _KEY_SATURATION[name] for name, (low, high) in _KEY_HUES.items()
        )

    @property
    def _is_blurred(self) -> bool:
        if self.slope is None:
            return True
        if self.person_slope is None:
            return self.slope < _BLURRED_UNSURE
        blurred = _BLURRED * slope_scale(self.side)
        return bool(self.slope < min(blurred, _BLURRED_ALONE * self.person_slope))


def surface(picture: Image, alpha: NDArray[np.float32], cells: Colors, visible: NDArray[np.bool_]) -> Surface:
    """Looks at a background.

    Args:
        picture: [height, width, 3] RGB.
        alpha: Shape [m, n]: where persons are, of the picture stretched to that size.
        cells: [rows, columns, 3] OKLab means of the picture.
        visible: [rows, columns]: the cells that are background; at least one.
    """
    colors = cells[visible]
    middle = np.median(colors, axis=0)
    low, high = np.percentile(colors[:, 0], (10.0, 90.0))
    rest = _rest(cells, visible)
    edges, slope, person_slope = _edges(picture, alpha)
    return Surface(
        rest=float(np.percentile(rest, _REST_PERCENT)),
        usual_rest=float(np.median(rest)),
        lightness_spread=float(high - low),
        hue=float(hue_degrees(middle)),
        saturation=float(saturation(middle)) if float(chroma(middle)) > 0 else 0.0,
        edges=edges,
        side=max(picture.shape[:2]),
        slope=slope,
        person_slope=person_slope,
    )


def _rest(cells: Colors, visible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of each visible cell from a quadratic surface through all, which the few that are far off do not bend."""
    rows, columns = np.nonzero(visible)
    y, x = rows / visible.shape[0] - 0.5, columns / visible.shape[1] - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    colors = cells[visible]
    weights = np.ones(len(colors))
    rest = np.zeros(len(colors))
    for _ in range(_MOST_FITS):
        root = np.sqrt(weights)[:, None]
        found = np.linalg.lstsq(terms * root, colors * root, rcond=None)[0]
        rest = np.linalg.norm(colors - terms @ found, axis=1)
        weights = 1.0 / np.maximum(rest, _PLAIN_REST / 4)
    return rest


def _edges(picture: Image, alpha: NDArray[np.float32]) -> tuple[float, float | None, float | None]:
    """Share of the background's windows with edges, their slope, and the slope of the person's edges."""
    if min(picture.shape[:2]) < LEAST_SIDE:
        return 0.0, None, None
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    deviation = noise(luma)
    seen = windows(luma, step=FINE_STEP)
    shape = seen.steepest.shape
    person = cv2.resize(alpha, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    around = np.ones((_NEAR_PERSON, _NEAR_PERSON), np.uint8)
    behind = cv2.dilate((person > _MASK_EDGE).astype(np.uint8), around) == 0
    inside = cv2.erode((person > 1 - _MASK_EDGE).astype(np.uint8), around) > 0
    has_edge = seen.span > least_edge(deviation)
    slopes = []
    for part in (behind, inside):
        chosen = part & has_edge
        enough = float(chosen.sum()) >= max(_LEAST_EDGES, _LEAST_EDGE_SHARE * float(part.sum()))
        slopes.append(float(np.percentile(seen.slopes(chosen, deviation), _SOFT_PERCENT)) if enough else None)
    share = float((behind & has_edge).sum()) / max(1.0, float(behind.sum()))
    return share, slopes[0], slopes[1]
