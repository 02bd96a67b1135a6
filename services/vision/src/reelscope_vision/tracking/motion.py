"""Constant-velocity Kalman filter of one box, for unevenly spaced observations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MEASURED = 0.05
"""Standard deviation of a detected coordinate, in box sizes: the 1/20 of SORT and ByteTrack."""

_ACCELERATION = 1.0
"""White acceleration, in box sizes / s^2. People who turn or jump reach about 2; less makes the filter run on."""

_START_SPEED = 1.0
"""Standard deviation of the unknown first velocity, in box sizes / s."""

_MIN_SIZE = 1e-3
"""Smallest side, in frames: keeps the noise above zero for degenerate boxes."""


class BoxMotion:
    """State of one box: centre x, centre y, width, height and their velocities per second.

    The four coordinates are independent, so that the filter is four 2x2 filters computed at once. Noise scales with the
    size of the box, as in Wojke et al., Simple Online and Realtime Tracking with a Deep Association Metric, 2017.

    Args:
        box: First observation, x, y, w, h in frame sizes.
    """

    def __init__(self, box: NDArray[np.float64]) -> None:
        self._position = _centre(box)
        self._velocity = np.zeros(4)
        scale = self._scale()
        self._pp = (_MEASURED * scale) ** 2
        self._pv = np.zeros(4)
        self._vv = (_START_SPEED * scale) ** 2

    def predicted(self, elapsed_s: float) -> NDArray[np.float64]:
        """The box x, y, w, h after so many seconds, without changing the state; its size stays as it is.

        Sizes are not extrapolated: a box that is half hidden shrinks quickly, and would vanish while it is lost.
        """
        centre = self._position[:2] + self._velocity[:2] * elapsed_s
        size = np.maximum(self._position[2:], _MIN_SIZE)
        return np.concatenate([centre - size / 2, size])

    def observe(self, box: NDArray[np.float64], elapsed_s: float) -> None:
        """Moves on by `elapsed_s` and corrects by an observed box."""
        scale = self._scale()
        noise = (_ACCELERATION * scale) ** 2
        position = self._position + self._velocity * elapsed_s
        pp = self._pp + 2 * elapsed_s * self._pv + elapsed_s**2 * self._vv + noise * elapsed_s**4 / 4
        pv = self._pv + elapsed_s * self._vv + noise * elapsed_s**3 / 2
        vv = self._vv + noise * elapsed_s**2
        measured = pp + (_MEASURED * scale) ** 2
        gain_position, gain_velocity = pp / measured, pv / measured
        error = _centre(box) - position
        self._position = position + gain_position * error
        self._velocity = self._velocity + gain_velocity * error
        self._pp = (1 - gain_position) * pp
        self._pv = (1 - gain_position) * pv
        self._vv = vv - gain_velocity * pv

    def _scale(self) -> NDArray[np.float64]:
        width, height = np.maximum(self._position[2:], _MIN_SIZE)
        return np.array([width, height, width, height])


def _centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([box[:2] + box[2:] / 2, box[2:]])
