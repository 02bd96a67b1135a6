"""Lines that are read more than once, since a single attempt was not clear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.nets.text_recognition import Reading, cut_out
from reelscope_vision.text.belief import better
from reelscope_vision.text.line import Line, plain

Find = Callable[[Image], list[TextBox]]
"""Lines in a picture, or in a part of it."""

Read = Callable[[Image], Reading]
"""What a line says that was cut out."""

_REREAD: Final = 0.97
"""A line read with less is read again from all its pictures together, once it is gone."""

_READ_TOGETHER: Final = 0.85
"""Least confidence of that reading where the single ones contradict each other."""

_CLEAR: Final = 0.98
_TRIMS: Final = ((0.98, 0.9), (1.03, 1.15))
"""By how much a box is shrunk or grown, across and down, for further attempts: the side of a coloured box beside an "l", and
letters that reach out of theirs."""

_REREAD_LOOKS: Final = 4


def read_well(read: Read, picture: Image, box: TextBox) -> Reading:
    """Reads a line, and again with its box somewhat smaller and larger where that was not clear."""
    best = read(cut_out(picture, box))
    middle = box.corners.mean(axis=0)
    for trim in _TRIMS:
        if best.confidence >= _CLEAR or not best.text:
            break
        trimmed = (middle + (box.corners - middle) * np.array(trim, np.float32)).astype(np.float32)
        best = better(best, read(cut_out(picture, replace(box, corners=trimmed))))
    return best


def reread(line: Line, *, find: Find, read: Read) -> None:
    """Reads an uncertain line that is gone once more, from its darkest and its brightest picture (Sato et al. 1999)."""
    certain = line.reading.confidence >= _REREAD and not line.is_doubtful
    if certain or line.last.index - line.first.index < _REREAD_LOOKS:
        return
    best = Reading("", _READ_TOGETHER) if line.is_doubtful else line.reading
    for picture in (line.darkest, line.brightest):
        for box in find(picture):
            reading = read(cut_out(picture, box))
            is_whole = len(plain(reading.text)) >= len(plain(line.reading.text)) - 1
            if is_whole and better(best, reading) is reading:
                line.reading = best = reading
                corners = box.corners + np.array(line.room[:2], np.float32)
                line.places = [(look, corners) for look, _ in line.places[:1]]
