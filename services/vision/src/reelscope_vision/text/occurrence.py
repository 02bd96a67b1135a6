"""A text from its first to its last frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.nets.text_recognition import Reading


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """What is kept of a line until the end of the clip: no picture, since there are thousands of lines in a long one.

    Attributes:
        number: Of the line.
        before: Number of the attempt at the same text that it took up; None where it is the first.
        reading: The best.
        plain: What it says without what recognisers waver about.
        is_glimpse: Whether it was found at one look only.
        box: Where it was found last, in pixels.
        place: Corners of where it was found first, shape [4, 2], in pixels.
        colors: Of the letters and of what is behind them, as #rrggbb.
        start_s: Timestamp of the first frame.
        end_s: End of the last frame.
        first_frame: 0-based number of the decoded frame.
        last_frame: The same.
        corners: Shape [n, 4, 2], in picture sizes, of the places where it was.
        times_s: Of those places.
    """

    number: int
    before: int | None
    reading: Reading
    plain: str
    is_glimpse: bool
    box: TextBox
    place: NDArray[np.float32]
    colors: tuple[str, str]
    start_s: float
    end_s: float
    first_frame: int
    last_frame: int
    corners: NDArray[np.float64]
    times_s: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """How long it is there."""
        return self.end_s - self.start_s

    @property
    def middle(self) -> NDArray[np.float64]:
        """Of its first place, x and y in picture sizes."""
        return np.asarray(self.corners[0].mean(axis=0))

    @property
    def height(self) -> float:
        """Of the line over the picture's."""
        return float(np.abs(self.corners[0][3] - self.corners[0][0])[1])
