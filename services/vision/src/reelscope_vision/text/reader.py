"""Which lines of text are on the picture: looks where something changed, reads what is new."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from reelscope_runtime.media.items import Image
from reelscope_vision.features.pictures import ChangeGate
from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.nets.text_recognition import Reading, cut_out
from reelscope_vision.text.line import Line, Look, bounds, plain
from reelscope_vision.text.strokes import Gray

LOOK_S: Final = 0.6
"""The whole picture is searched so often while it changes; a line's first picture is found afterwards, from the pictures in
between. What stays shorter and stands where no text was a second ago is missed."""

_WATCHED_S: Final = 1.0
"""Where a line was, the next one is awaited for so long, at every sampled picture: captions follow each other in one place."""

_BELIEVED: Final = 0.75
"""Least confidence of a reading: leaves and faces are read with less."""

_SINGLE: Final = 0.97
"""The same for a single character, and the largest that one is believed, over the picture's height: a bent leg is an "n"."""

_SINGLE_HEIGHT: Final = 0.12

_SMALLEST: Final = 7.0
"""Pixels: lower lines can't be read."""

_ABOVE: Final = 1.2
"""Line heights above and below a line in which its neighbours are looked for together with it."""

_OVERLAP: Final = 0.5

_REREAD: Final = 0.97
"""A line read with less is read again from all its pictures together, once it is gone."""

_READ_TOGETHER: Final = 0.85
"""Least confidence of that reading where the single ones contradict each other."""

_CLEAR: Final = 0.95
_ROOMY: Final = np.array([1.03, 1.15], np.float32)
"""By how much a box is grown, across and down, for a second attempt."""

_REREAD_LOOKS: Final = 4


@dataclass(frozen=True, slots=True)
class Ended:
    """A line that is gone: `gone` is the first look without it; None at the end of the clip."""

    line: Line
    gone: Look | None


@dataclass(slots=True)
class _Band:
    """Part of the picture's height, as wide as it is, in which lines are or were."""

    top: float
    bottom: float
    until_s: float
    looked: Look
    next_s: float = 0.0
    wait_s: float = 0.0


@dataclass(slots=True)
class TextReader:
    """Follows the lines of text through sampled pictures.

    Args:
        find: Lines in a picture, or in a part of it.
        read: What a line says.
    """

    find: Callable[[Image], list[TextBox]]
    read: Callable[[Image], Reading]
    lines: list[Line] = field(default_factory=list)
    _ended: list[Line] = field(default_factory=list)
    _bands: list[_Band] = field(default_factory=list)
    _gate: ChangeGate = field(default_factory=ChangeGate)
    _count: int = 0
    _searched: Look | None = None
    _last: Look | None = None
    _before: Gray | None = None

    def look(self, picture: Image, now: Look) -> tuple[list[Line], list[Ended]]:
        """Takes the next sampled picture; gives the lines that began and those that ended."""
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        last, before = self._last, self._before
        self._last, self._before = now, gray
        if before is not None and before.shape == gray.shape and not np.any(cv2.absdiff(before, gray) > _NOISE):
            for line in self.lines:
                line.last = now
            return [], []
        searched = self._searched
        if searched is None or now.time_s - searched.time_s >= LOOK_S - _ROUNDING_S:
            self._searched = now
            if self._gate.change(picture) > 0:
                whole = (0, picture.shape[0])
                return self._reconcile(self.find(picture), whole, _Scene(picture, gray, now, searched))
        return self._look_at_bands(_Scene(picture, gray, now, last))

    def end(self) -> list[Ended]:
        """The clip is over."""
        ended = [Ended(line, None) for line in self.lines]
        self.lines = []
        return [self._reread(one) for one in ended]

    def _look_at_bands(self, scene: _Scene) -> tuple[list[Line], list[Ended]]:
        began: list[Line] = []
        ended: list[Ended] = []
        self._bands = [band for band in self._bands if band.until_s >= scene.now.time_s]
        for band in self._merged():
            inside = [line for line in self.lines if _is_inside(line.box, band.top, band.bottom)]
            changed = [line for line in inside if not line.strokes.are_in(scene.gray)]
            for line in inside:
                if line not in changed:
                    line.seen(scene.picture, scene.now)
            if inside and not changed and all(line.strokes.is_calm(scene.gray) for line in inside):
                band.looked, band.wait_s = scene.now, 0.0
                continue
            if scene.now.time_s < band.next_s - _ROUNDING_S:
                continue
            rows = (max(0, int(band.top)), min(scene.picture.shape[0], int(band.bottom) + 1))
            part = scene.picture[rows[0] : rows[1]]
            boxes = [replace(box, corners=box.corners + np.array([0, rows[0]], np.float32)) for box in self.find(part)]
            new, gone = self._reconcile(boxes, rows, replace(scene, absent=band.looked))
            band.looked = scene.now
            # What moves but says the same is looked at less and less often.
            band.wait_s = 0.0 if new or gone else min(LOOK_S, 2 * band.wait_s + 0.1)
            band.next_s = scene.now.time_s + band.wait_s
            began += new
            ended += gone
        return began, ended

    def _merged(self) -> list[_Band]:
        """The bands, those that overlap joined to one."""
        joined: list[_Band] = []
        for band in sorted(self._bands, key=lambda one: one.top):
            if joined and band.top <= joined[-1].bottom:
                host = joined[-1]
                host.bottom, host.until_s = max(host.bottom, band.bottom), max(host.until_s, band.until_s)
                host.next_s = min(host.next_s, band.next_s)
                host.looked = min(host.looked, band.looked, key=lambda one: one.time_s)
            else:
                joined.append(band)
        self._bands = joined
        return list(joined)

    def _reconcile(self, boxes: list[TextBox], rows: tuple[int, int], scene: _Scene) -> tuple[list[Line], list[Ended]]:
        """Brings the lines between two rows in line with what was found there now."""
        left = [line for line in self.lines if _is_inside(line.box, *rows)]
        began: list[Line] = []
        ended: list[Ended] = []
        for box in boxes:
            if box.height < _SMALLEST:
                continue
            line = max(left, key=lambda one: one.covers(box), default=None)
            if line is not None and line.covers(box) < _OVERLAP:
                line = None
            if line is not None and _is_unchanged(line, box, scene.gray):
                line.seen(scene.picture, scene.now)
                left.remove(line)
                continue
            reading = self._read_well(scene.picture, box)
            if not _is_text(reading, box.height / scene.picture.shape[0]):
                continue
            if line is not None and line.says(reading):
                line.found_again(box, reading, picture=scene.picture, gray=scene.gray, now=scene.now)
                left.remove(line)
                continue
            self._count += 1
            new = Line.found(self._count, box, reading, picture=scene.picture, absent=self._absent(box, scene), now=scene.now)
            any(new.takes_up(one) for one in (*left, *self._ended) if scene.now.time_s - one.last.time_s <= LOOK_S)
            began.append(new)
        for line in left:
            if line.strokes.are_in(scene.gray) and not any(line.covers(one.box) >= _OVERLAP for one in began):
                line.seen(scene.picture, scene.now)
            else:
                self.lines.remove(line)
                ended.append(self._reread(Ended(line, scene.now)))
        self._ended = [line for line in self._ended if scene.now.time_s - line.last.time_s <= LOOK_S]
        self._ended += [one.line for one in ended]
        self.lines += began
        self._watch([*self.lines, *(one.line for one in ended)], scene.now)
        return began, ended

    def _watch(self, lines: Iterable[Line], now: Look) -> None:
        """A band for each line; those in which no line is left wait for the next one, for a while."""
        for line in lines:
            _, top, _, bottom = bounds(line.box)
            margin = _ABOVE * line.box.height
            self._bands.append(_Band(top - margin, bottom + margin, math.inf, now))
        for band in self._merged():
            if not any(_is_inside(line.box, band.top, band.bottom) for line in self.lines):
                band.until_s = min(band.until_s, now.time_s + _WATCHED_S)

    def _absent(self, box: TextBox, scene: _Scene) -> Look | None:
        """The last look at its place that did not show it."""
        looks = [band.looked for band in self._bands if _is_inside(box, band.top, band.bottom)]
        return max(looks, key=lambda look: look.time_s, default=scene.absent)

    def _read_well(self, picture: Image, box: TextBox) -> Reading:
        """Reads a line, and once more with some room around it where that was not clear."""
        reading = self.read(cut_out(picture, box))
        if reading.confidence >= _CLEAR or not reading.text:
            return reading
        middle = box.corners.mean(axis=0)
        wider = replace(box, corners=(middle + (box.corners - middle) * _ROOMY).astype(np.float32))
        return max(reading, self.read(cut_out(picture, wider)), key=lambda one: one.confidence)

    def _reread(self, ended: Ended) -> Ended:
        """Reads an uncertain line once more, from its darkest and its brightest picture (Sato et al. 1999)."""
        line = ended.line
        line.last.index - line.first.index
        certain = line.reading.confidence >= _REREAD and not line.is_doubtful
        if certain or line.last.index - line.first.index < _REREAD_LOOKS:
            return ended
        best = Reading("", _READ_TOGETHER) if line.is_doubtful else line.reading
        for picture in (line.darkest, line.brightest):
            for box in self.find(picture):
                reading = self.read(cut_out(picture, box))
                is_whole = len(plain(reading.text)) >= len(plain(line.reading.text)) - 1
                if is_whole and reading.confidence > best.confidence:
                    line.reading = best = reading
                    corners = box.corners + np.array(line.room[:2], np.float32)
                    line.places = [(look, corners) for look, _ in line.places[:1]]
        return ended


@dataclass(frozen=True, slots=True)
class _Scene:
    """A picture to look at; `absent` is the last look at which what is new now was not there."""

    picture: Image
    gray: Gray
    now: Look
    absent: Look | None


_NOISE: Final = 12
"""Grey levels: a picture in which no pixel changes by more is the same picture, coded anew."""

_ROUNDING_S: Final = 1e-6


def _is_inside(box: TextBox, top: float, bottom: float) -> bool:
    _, low, _, high = bounds(box)
    return top <= (low + high) / 2 <= bottom


def _is_unchanged(line: Line, box: TextBox, gray: Gray) -> bool:
    """Whether a line was found again just as it was, so that it need not be read."""
    ours = line.box
    change = max(abs(ours.width - box.width), abs(ours.height - box.height))
    return change <= max(2.0, ours.height / 3) and line.strokes.are_in(gray) and line.strokes.is_calm(gray)


def _is_text(reading: Reading, height: float) -> bool:
    letters = sum(letter.isalnum() for letter in reading.text)
    if letters == 1:
        return reading.confidence >= _SINGLE and height <= _SINGLE_HEIGHT
    return letters > 1 and reading.confidence >= _BELIEVED
