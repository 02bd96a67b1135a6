"""What MoveNet gives out where nobody is, for tests to put made persons into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.nets.movenet import SIZE

CELL = 4
"""Pixels of the network's input that a cell stands for."""

SIDE = SIZE // CELL

_CHANNELS = {"centers": 1, "box_sizes": 2, "box_offsets": 2, "keypoints": 17, "keypoint_steps": 34, "keypoint_offsets": 34}


def empty_maps() -> dict[str, NDArray[np.float32]]:
    """The maps of a square, each [1, channels, 64, 64], by name."""
    return {name: np.zeros((1, channels, SIDE, SIDE), np.float32) for name, channels in _CHANNELS.items()}
