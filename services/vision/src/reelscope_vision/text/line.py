"""One occurrence of a line of text, while it is on the picture."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.nets.text_recognition import Reading
from reelscope_vision.text.belief import better
from reelscope_vision.text.strokes import Gray, Strokes

_SURE: Final = 0.95
"""Confidence from which two readings that differ a little are two texts: the values of a counter."""

_READ: Final = 0.85
"""The same of readings that have little in common."""

_WAVERING: Final = 3
"""So many different readings of one line: something shows through, and all of them are doubtful."""

_UNCLEAR: Final = 0.93
"""Confidence below which a reading may be an attempt at the same text as the one before it in its place."""

_RELATED: Final = 0.4
"""Similarity of the texts, and overlap of the boxes, of two such attempts."""

_ALIKE: Final = 0.5
"""Similarity of two readings below which they are not two attempts at one text."""

_ROOM: Final = 3.0
"""Line heights on the left and right in which hidden letters are looked for."""


@dataclass(frozen=True, slots=True)
class Look:
    """A picture that was looked at."""

    index: int
    time_s: float


@dataclass(slots=True)
class Line:
    """A line that is on the picture.

    Attributes:
        number: Unique within the clip.
        box: Where it is, as it was found last.
        reading: The best so far.
        strokes: As they looked when they were read last.
        absent: The last look that did not show it; None where every one did.
        first: The first look that showed it.
        last: The last look that did.
        confirmed: The last one that is certain, since it was found, or nothing changed: strokes alone may be others'.
        is_successor: Whether it took the place of another line.
        places: Look and corners, shape [4, 2], in pixels, wherever it was found anew.
        room: Part of the picture around it: left, top, right, bottom.
        darkest: Of the room since `first`, each pixel's minimum: bright letters stay, what moves behind them is gone.
        brightest: The maximum, for dark letters.
        clearest: The line in the picture in which it was read best.
        before: Number of the attempt at the same text that this one takes up; None where it is the first.
        doubts: How often it was read differently without being another.
    """

    number: int
    box: TextBox
    reading: Reading
    strokes: Strokes
    absent: Look | None
    first: Look
    last: Look
    confirmed: Look
    room: tuple[int, int, int, int]
    darkest: Image
    brightest: Image
    clearest: Image
    places: list[tuple[Look, NDArray[np.float32]]] = field(default_factory=list)
    before: int | None = None
    doubts: int = 0
    is_successor: bool = False

    @classmethod
    def found(cls, number: int, box: TextBox, reading: Reading, *, picture: Image, absent: Look | None, now: Look) -> Line:
        """A line that was not there before."""
        margin = _ROOM * box.height
        room = area_of(box, picture, margin, 0.3 * box.height)
        part = picture[room[1] : room[3], room[0] : room[2]]
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        area = area_of(box, picture)
        return cls(
            number,
            box,
            reading,
            Strokes.of(gray, area),
            absent,
            first=now,
            last=now,
            confirmed=now,
            room=room,
            darkest=part.copy(),
            brightest=part.copy(),
            clearest=picture[area[1] : area[3], area[0] : area[2]].copy(),
            places=[(now, box.corners)],
        )

    def seen(self, picture: Image, now: Look, *, for_certain: bool) -> None:
        """It is still there."""
        self.last = now
        if for_certain:
            self.confirmed = now
        part = picture[self.room[1] : self.room[3], self.room[0] : self.room[2]]
        np.minimum(self.darkest, part, out=self.darkest)
        np.maximum(self.brightest, part, out=self.brightest)

    def found_again(self, box: TextBox, reading: Reading, *, picture: Image, gray: Gray, now: Look) -> None:
        """It was found and read again, perhaps elsewhere, perhaps better."""
        self.doubts += plain(reading.text) != plain(self.reading.text)
        area = area_of(box, picture)
        if better(self.reading, reading) is reading:
            self.reading = reading
            self.clearest = picture[area[1] : area[3], area[0] : area[2]].copy()
        if float(np.abs(box.corners - self.box.corners).max()) > box.height / 4:
            self.places.append((now, box.corners))
        self.box = box
        self.strokes = Strokes.of(gray, area)
        self.seen(picture, now, for_certain=True)

    def takes_up(self, other: Line) -> bool:
        """Whether it is another attempt at a line that could not be read for certain; then all pictures of both count."""
        unclear = min(self.reading.confidence, other.reading.confidence) < _UNCLEAR or other.is_doubtful
        likeness = Levenshtein.normalized_similarity(plain(self.reading.text), plain(other.reading.text))
        if not unclear or likeness < _RELATED or other.covers(self.box) < _RELATED:
            return False
        self.before = other.number
        self.doubts = max(self.doubts, other.doubts)
        left, top = max(self.room[0], other.room[0]), max(self.room[1], other.room[1])
        right, bottom = min(self.room[2], other.room[2]), min(self.room[3], other.room[3])
        mine, theirs = (
            (slice(top - room[1], bottom - room[1]), slice(left - room[0], right - room[0])) for room in (self.room, other.room)
        )
        self.darkest[mine] = np.minimum(self.darkest[mine], other.darkest[theirs])
        self.brightest[mine] = np.maximum(self.brightest[mine], other.brightest[theirs])
        return True

    def says(self, other: Reading) -> bool:
        """Whether another reading at this place is of the same text."""
        ours, theirs = plain(self.reading.text), plain(other.text)
        if ours == theirs:
            return True
        if Levenshtein.normalized_similarity(ours, theirs) < _ALIKE:
            return min(self.reading.confidence, other.confidence) < _READ
        return self.is_doubtful or min(self.reading.confidence, other.confidence) < _SURE

    @property
    def is_doubtful(self) -> bool:
        """Whether its readings differ, so that only all its pictures together can tell."""
        return self.doubts >= _WAVERING

    def covers(self, box: TextBox) -> float:
        """How much of the smaller of the two boxes the other one covers, in [0,1]."""
        return covered(self.box, box)


def plain(text: str) -> str:
    """Without what recognisers waver about: spaces, case and accents."""
    apart = unicodedata.normalize("NFKD", "".join(text.split()).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def bounds(box: TextBox) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels."""
    low, high = box.corners.min(axis=0), box.corners.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def covered(one: TextBox, other: TextBox) -> float:
    """How much of the smaller of two boxes the other one covers, in [0,1]."""
    mine, theirs = bounds(one), bounds(other)
    across = min(mine[2], theirs[2]) - max(mine[0], theirs[0])
    down = min(mine[3], theirs[3]) - max(mine[1], theirs[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (mine, theirs)]
    return across * down / max(min(areas), 1e-9)


def area_of(box: TextBox, picture: Image, across: float = 0.0, down: float = 0.0) -> tuple[int, int, int, int]:
    """The box with a margin within the picture, at least a pixel large."""
    height, width = picture.shape[:2]
    left, top, right, bottom = bounds(box)
    x, y = int(min(max(left - across, 0), width - 1)), int(min(max(top - down, 0), height - 1))
    return x, y, int(min(max(right + across, x + 1), width)), int(min(max(bottom + down, y + 1), height))
