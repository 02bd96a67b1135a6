"""Feature "backdrop": what is behind the people in sampled pictures, small enough to be kept for a while."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Image, Item
from reelscope_vision.background.change import changed_share
from reelscope_vision.background.surface import Surface, surface
from reelscope_vision.color.oklab import from_srgb
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.person_mask import SAMPLED_RATE, PersonMask
from reelscope_vision.features.pictures import pictures_at

CELLS: Final = 40
"""On a side: a face in a wide shot covers several."""

_LABEL: Final = "person"

_LOOK_S: Final = 1.0
"""Between two looks at the surface while the background stays."""

_OTHER: Final = 0.3
"""Share of changed cells from which the surface is looked at anew at once."""

_LEAST_VISIBLE: Final = 0.03
"""Of the cells: less is what shows through between hair and the picture's edge."""

_PERSON: Final = 0.9
_BACKGROUND: Final = 0.1
"""Mean of the mask in a cell from which it is a person's, and up to which it is the background's."""

_MISSED_S: Final = 0.5
"""How long a person counts as there after the detector saw one: it misses one of five now and then."""

_SPREAD: Final = np.ones((7, 7), np.uint8)
"""Pixels of the mask by which persons are taken larger, so that their outline counts to nothing."""


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Value of the items of the feature "backdrop".

    Attributes:
        picture: Shape [40, 40, 3] RGB, the picture stretched.
        lab: Shape [40, 40, 3] float32, its OKLab colours.
        visible: Shape [40, 40]: background for sure.
        person: Shape [40, 40]: person for sure.
        foreground_share: Fraction of the picture that persons cover.
        surface: What the background looks like; None: not looked at, or nearly all of it is hidden.
    """

    picture: Image
    lab: NDArray[np.float32]
    visible: NDArray[np.bool_]
    person: NDArray[np.bool_]
    foreground_share: float
    surface: Surface | None


class Backdrops(Feature):
    """One for each mask; `index` is the number of the decoded frame.

    A mask counts only where the detector sees a person too: the network was trained on pictures of people, and finds one in
    leaves and rocks.
    """

    name = "backdrop"
    version = "1"
    frames = pictures_at(SAMPLED_RATE)
    # Objects first: of the same frame, they tell whether to believe the mask.
    requires = ("objects", "person_mask")

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._picture: Image | None = None
        self._person_s = -math.inf
        self._looked: Backdrop | None = None
        self._looked_s = 0.0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a frame, or the objects or the mask of the frame that just came."""
        value = item.value
        if isinstance(value, FrameObjects):
            if any(one.label == _LABEL for one in value.detections):
                self._person_s = item.time_s
        elif not isinstance(value, PersonMask):
            self._picture = value
        elif self._picture is not None:
            is_believed = item.time_s <= self._person_s + _MISSED_S
            mask = value if is_believed else PersonMask(np.zeros_like(value.alpha))
            yield Item(self.name, item.time_s, item.end_s, item.index, self._seen(self._picture, mask, item.time_s))

    def _seen(self, picture: Image, mask: PersonMask, time_s: float) -> Backdrop:
        alpha = mask.alpha
        # Not by halves: its cells are laid over those of the mask.
        small = np.asarray(cv2.resize(picture, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.uint8)
        lab = from_srgb(small)
        wide = cv2.resize(cv2.dilate(alpha, _SPREAD), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        narrow = cv2.resize(alpha, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        visible, person = wide < _BACKGROUND, narrow > _PERSON
        found = Backdrop(small, lab.astype(np.float32), visible, person, mask.share, None)
        if np.count_nonzero(visible) < _LEAST_VISIBLE * visible.size:
            return found
        before = self._looked
        if before is not None and time_s < self._looked_s + _LOOK_S:
            both = visible & before.visible
            if np.count_nonzero(both) and changed_share(before.lab, found.lab, both) < _OTHER:
                return found
        found = Backdrop(small, found.lab, visible, person, mask.share, surface(picture, alpha, lab, visible))
        self._looked, self._looked_s = found, time_s
        return found
