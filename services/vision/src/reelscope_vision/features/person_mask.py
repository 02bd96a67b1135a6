"""Feature "person_mask": which part of the picture persons cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_vision.features.pictures import pictures_at
from reelscope_vision.sampling.change_gate import ChangeGate

_TASK = "person_segmentation"

WIDTH: Final = 256
HEIGHT: Final = 144
"""The network's own size: the whole picture, stretched."""

SAMPLED_RATE: Final = 5.0
"""Frames a second: a walking person moves by a tenth of the picture between two."""


@dataclass(frozen=True, slots=True)
class PersonMask:
    """Value of the items of the feature "person_mask".

    Attributes:
        alpha: Shape [144, 256] float32, 1 where a person is, of the picture stretched to that size.
        repeated: Whether the picture was like the last one that was looked at, and has its mask.
    """

    alpha: NDArray[np.float32]
    repeated: bool = False

    @property
    def share(self) -> float:
        """Fraction of the picture that persons cover."""
        return float(self.alpha.mean())


class PersonMasks(Feature):
    """Masks of five frames a second; `index` is the number of the decoded frame."""

    name = "person_mask"
    version = "3"
    frames = pictures_at(SAMPLED_RATE)
    models = (_TASK,)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._gate = ChangeGate()
        self._alpha = np.zeros((HEIGHT, WIDTH), np.float32)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame and gives its mask."""
        is_new = self._gate.change(item.value) > 0
        if is_new:
            stretched = cv2.resize(item.value, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
            feeds = {"input_1": stretched[None].astype(np.float32) / 255.0}
            self._alpha = self.context.model(_TASK).run(None, feeds)[0].reshape(HEIGHT, WIDTH)
        yield Item(self.name, item.time_s, item.end_s, item.index, PersonMask(self._alpha, not is_new))
