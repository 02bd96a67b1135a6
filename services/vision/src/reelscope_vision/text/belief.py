"""Which readings are believed to be text."""

from __future__ import annotations

from typing import Final

from reelscope_vision.nets.text_recognition import Reading
from reelscope_vision.text.scripts import script_of

_BELIEVED: Final = 0.75
"""Least confidence of a reading: leaves and faces are read with less."""

_CERTAIN: Final = 0.98
"""The same where no text was found, but stood a moment ago."""

_SINGLE: Final = 0.97
"""Least confidence of a single character beside other text."""

_SINGLE_HEIGHT: Final = 0.12
"""The largest that one is believed, over the picture's height: a bent leg is an "n"."""

_DIGIT: Final = 0.99
"""Least confidence of a digit of any size, anywhere: a countdown fills the picture, and no leg is read as one."""

_LEGIBLE: Final = 0.9
"""Confidence from which the letters of a reading are right, if not all of its spaces."""


def better(one: Reading, other: Reading) -> Reading:
    """Of two readings of one line the one to keep: the surer, but of equal letters the one with more spaces, since recognisers
    lose them more easily than they make them up."""
    if min(one.confidence, other.confidence) >= _LEGIBLE and "".join(one.text.split()) == "".join(other.text.split()):
        return max(one, other, key=lambda reading: (len(reading.text), reading.confidence))
    return max(one, other, key=lambda reading: reading.confidence)


def is_text(reading: Reading) -> bool:
    """Whether it is believed wherever it is."""
    return _letters(reading) > 1 and reading.confidence >= _BELIEVED


def is_character(reading: Reading, height: float) -> bool:
    """Whether it may be a single character, of that share of the picture's height."""
    if _letters(reading) != 1:
        return False
    if reading.text.isdecimal():
        return reading.confidence >= _DIGIT
    return reading.confidence >= _SINGLE and height <= _SINGLE_HEIGHT


def is_beside(reading: Reading, other: Reading) -> bool:
    """Whether a single character is believed because of other text beside it: a digit without, a letter in the same script."""
    return reading.text.isdecimal() or script_of(reading.text) == script_of(other.text)


def is_certain(reading: Reading, before: Reading) -> bool:
    """Whether it is believed where another text was read before but none is found now."""
    if _letters(reading) == 1:
        return reading.confidence >= _SINGLE and is_beside(reading, before)
    return _letters(reading) > 1 and reading.confidence >= _CERTAIN


def _letters(reading: Reading) -> int:
    return sum(letter.isalnum() for letter in reading.text)
