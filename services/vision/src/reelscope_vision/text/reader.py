"""Which lines of text are on the picture: looks where something changed, reads what is new."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from reelscope_runtime.media.items import Image
from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.nets.text_recognition import Reading, cut_out
from reelscope_vision.sampling.change_gate import ChangeGate
from reelscope_vision.text.appearing import Area, NewStrokes
from reelscope_vision.text.bands import Band, merged
from reelscope_vision.text.belief import is_beside, is_certain, is_character, is_text
from reelscope_vision.text.line import Line, Look, bounds, plain
from reelscope_vision.text.rereading import Find, Read, read_well, reread
from reelscope_vision.text.scene import Scene
from reelscope_vision.text.strokes import Gray

LOOK_S: Final = 2.0
"""The whole picture is searched so often while it changes, for what the strokes don't tell: text so pale, or in such motion,
that it does not stand out. A line's first picture is found afterwards, from the pictures in between."""

_WAIT_S: Final = 0.6
"""Where a line is whose background moves, the line is looked for so often at least."""

_CUT_OFF: Final = 3.0
"""Pixels from the side of an area up to which a line may go on beyond it."""

_WATCHED_S: Final = 1.0
"""Where a line was, the next one is awaited for so long, at every sampled picture: captions follow each other in one place."""

_BESIDE: Final = 1.5
"""Line heights up to which text is beside another."""

_SMALLEST: Final = 7.0
"""Pixels: lower lines can't be read."""

_ABOVE: Final = 1.2
"""Line heights above and below a line in which its neighbours are looked for together with it."""

_OVERLAP: Final = 0.5

_ROUNDING_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Ended:
    """A line that is gone.

    Attributes:
        line: As it was.
        gone: The first look without it; None at the end of the clip.
        has_successor: Whether another line took its place.
    """

    line: Line
    gone: Look | None
    has_successor: bool = False


@dataclass(slots=True)
class TextReader:
    """Follows the lines of text through sampled pictures.

    Args:
        find: Lines in a picture, or in a part of it.
        read: What a line says.
    """

    find: Find
    read: Read
    lines: list[Line] = field(default_factory=list)
    _ended: list[Line] = field(default_factory=list)
    _bands: list[Band] = field(default_factory=list)
    _gate: ChangeGate = field(default_factory=ChangeGate)
    _strokes: NewStrokes = field(default_factory=NewStrokes)
    _count: int = 0
    _searched: Look | None = None
    _has_changed: bool = False
    _last: Scene | None = None

    def look(self, picture: Image, now: Look) -> tuple[list[Line], list[Ended]]:
        """Takes the next sampled picture; gives the lines that began and those that ended."""
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        last, self._last = self._last, Scene(picture, gray, now, self._searched)
        is_due = self._searched is None or now.time_s - self._searched.time_s >= LOOK_S - _ROUNDING_S
        if last is not None and self._is_same(last, gray) and not (is_due and self._has_changed):
            for line in self.lines:
                line.last = line.confirmed = now
            return [], []
        self._has_changed = True
        appearing = self._strokes.look(gray)
        scene = self._last
        if is_due:
            self._searched, self._has_changed = now, False
            if self._gate.change(picture) > 0:
                return self._search((0, 0, picture.shape[1], picture.shape[0]), scene)
        began, ended = self._look_at_bands(scene)
        for area in appearing:
            new, gone = self._search(self._with_lines(area), scene)
            began += new
            ended += gone
        return began, ended

    def end(self) -> tuple[list[Line], list[Ended]]:
        """The clip is over: what the last picture does not show any more, and what is there to the end."""
        began: list[Line] = []
        ended: list[Ended] = []
        if self._last is not None and any(line.confirmed != self._last.now for line in self.lines):
            began, ended = self._look_at_bands(self._last, at_once=True)
        ended += [self._over(line, None) for line in self.lines]
        self.lines = []
        return began, ended

    def _is_same(self, before: Scene, now: Gray) -> bool:
        """Whether nothing changed, and nothing is left over that wants a second look: a line, or new strokes."""
        if self._strokes.are_settling or any(line.confirmed != before.now for line in self.lines):
            return False
        return before.is_like(now)

    def _look_at_bands(self, scene: Scene, *, at_once: bool = False) -> tuple[list[Line], list[Ended]]:
        began: list[Line] = []
        ended: list[Ended] = []
        self._bands = [band for band in self._bands if band.until_s >= scene.now.time_s]
        self._bands = merged(self._bands)
        for band in list(self._bands):
            inside = [line for line in self.lines if band.has(line.box)]
            changed = [line for line in inside if not line.strokes.are_in(scene.gray)]
            is_calm = all(line.strokes.is_calm(scene.gray) for line in inside)
            for line in inside:
                if line not in changed:
                    line.seen(scene.picture, scene.now, for_certain=is_calm and not changed)
            if inside and not changed and is_calm:
                band.wait_s = 0.0
                continue
            if scene.now.time_s < band.next_s - _ROUNDING_S and not at_once:
                continue
            area = (0, max(0, int(band.top)), scene.picture.shape[1], min(scene.picture.shape[0], int(band.bottom) + 1))
            absent, band.looked = band.looked, scene.now
            new, gone = self._search(area, replace(scene, absent=absent))
            # What moves but says the same is looked at less and less often.
            wait_s = 0.0 if new or gone else min(_WAIT_S, 2 * band.wait_s + 0.1)
            for one in self._bands:
                if one.meets(band):
                    one.looked, one.wait_s, one.next_s = scene.now, wait_s, scene.now.time_s + wait_s
            began += new
            ended += gone
        return began, ended

    def _with_lines(self, area: Area) -> Area:
        """The area, with all of the lines that it has a part of."""
        left, top, right, bottom = area
        for line in self.lines:
            x0, y0, x1, y1 = bounds(line.box)
            if x0 < right and x1 > left and y0 < bottom and y1 > top:
                left, top = min(left, int(x0)), min(top, int(y0))
                right, bottom = max(right, int(x1) + 1), max(bottom, int(y1) + 1)
        return max(0, left), max(0, top), right, bottom

    def _search(self, area: Area, scene: Scene) -> tuple[list[Line], list[Ended]]:
        """Looks for text in a part of a picture; in a larger one where a line may go on beyond it."""
        left, top, right, bottom = area
        height, width = scene.gray.shape
        right, bottom = min(right, width), min(bottom, height)
        boxes = [
            replace(box, corners=box.corners + np.array([left, top], np.float32))
            for box in self.find(scene.picture[top:bottom, left:right])
        ]
        self._strokes.searched((left, top, right, bottom))
        wider = self._uncut((left, top, right, bottom), boxes, scene.gray)
        if wider != (left, top, right, bottom):
            return self._search(wider, scene)
        return self._reconcile(boxes, (left, top, right, bottom), scene)

    def _uncut(self, area: Area, boxes: list[TextBox], gray: Gray) -> Area:
        """The area, or a larger one where a new line may go on beyond its sides."""
        left, top, right, bottom = area
        height, width = gray.shape
        for box in boxes:
            x0, y0, x1, y1 = bounds(box)
            if any(line.covers(box) >= _OVERLAP for line in self.lines):
                continue
            if (left > 0 and x0 <= left + _CUT_OFF) or (right < width and x1 >= right - _CUT_OFF):
                left, right = 0, width
            if (top > 0 and y0 <= top + _CUT_OFF) or (bottom < height and y1 >= bottom - _CUT_OFF):
                more = area[3] - area[1]
                top, bottom = max(0, area[1] - more), min(height, area[3] + more)
        return left, top, right, bottom

    def _reconcile(self, boxes: list[TextBox], area: Area, scene: Scene) -> tuple[list[Line], list[Ended]]:
        """Brings the lines of an area in line with what was found there now."""
        left = [line for line in self.lines if _is_within(line.box, area)]
        began: list[Line] = []
        ended: list[Ended] = []
        single: list[tuple[TextBox, Reading]] = []
        for box in boxes:
            line = max(left, key=lambda one: one.covers(box), default=None)
            if line is not None and line.covers(box) >= _OVERLAP and _is_unchanged(line, box, scene.gray):
                line.seen(scene.picture, scene.now, for_certain=True)
                left.remove(line)
                continue
            reading = read_well(self.read, scene.picture, box) if box.height >= _SMALLEST else Reading("", 0.0)
            if is_text(reading):
                self._take(box, reading, scene, left, began)
            elif is_character(reading, box.height / scene.picture.shape[0]):
                single.append((box, reading))
        for box, reading in single:
            if reading.text.isdecimal() or any(is_beside(reading, line.reading) for line in self._beside(box, began)):
                self._take(box, reading, scene, left, began)
        self._settle(left, began, ended, scene)
        self._ended = [line for line in self._ended if scene.now.time_s - line.last.time_s <= _WAIT_S]
        self._ended += [one.line for one in ended]
        self.lines += began
        for band in self._bands:
            if area[0] == 0 and area[2] == scene.picture.shape[1] and area[1] <= band.top and band.bottom <= area[3]:
                band.looked = scene.now
        self._watch([*self.lines, *(one.line for one in ended)], scene.now)
        return began, ended

    def _settle(self, left: Iterable[Line], began: list[Line], ended: list[Ended], scene: Scene) -> None:
        """Lines that were not found go on all the same, or end."""
        for line in left:
            if any(line.covers(one.box) >= _OVERLAP for one in began):
                self._end(line, scene.now, ended, has_successor=True)
            elif line.strokes.are_in(scene.gray):
                line.seen(scene.picture, scene.now, for_certain=False)
            else:
                began += self._read_in_place(line, scene, ended)

    def _take(self, box: TextBox, reading: Reading, scene: Scene, left: list[Line], began: list[Line]) -> None:
        """What was read is of one of the lines that are left, or begins."""
        line = max(left, key=lambda one: one.covers(box), default=None)
        if line is not None and line.covers(box) >= _OVERLAP and line.says(reading):
            line.found_again(box, reading, picture=scene.picture, gray=scene.gray, now=scene.now)
            left.remove(line)
        else:
            began.append(self._begun(box, reading, scene, left))

    def _beside(self, box: TextBox, began: Iterable[Line]) -> list[Line]:
        """Lines that are or were beside a box, or above or below it."""
        left, top, right, bottom = bounds(box)
        margin = _BESIDE * box.height
        sides = [(line, bounds(line.box)) for line in (*self.lines, *self._ended, *began)]
        return [
            line
            for line, (x0, y0, x1, y1) in sides
            if x0 < right + margin and x1 > left - margin and y0 < bottom + margin and y1 > top - margin
        ]

    def _begun(self, box: TextBox, reading: Reading, scene: Scene, others: Iterable[Line]) -> Line:
        """A line that was not there before; `others` are those that it may take the place of."""
        self._count += 1
        before = [*others, *self._ended]
        theirs = [one for one in before if one.covers(box) > 0 and plain(one.reading.text) != plain(reading.text)]
        absent = max((one.confirmed for one in theirs), key=lambda look: look.index, default=self._absent(box, scene))
        new = Line.found(self._count, box, reading, picture=scene.picture, absent=absent, now=scene.now)
        any(new.takes_up(one) for one in before if scene.now.time_s - one.last.time_s <= _WAIT_S)
        new.is_successor = bool(theirs)
        return new

    def _end(self, line: Line, now: Look, ended: list[Ended], *, has_successor: bool) -> None:
        self.lines.remove(line)
        ended.append(self._over(line, now, has_successor=has_successor))

    def _over(self, line: Line, gone: Look | None, *, has_successor: bool = False) -> Ended:
        """The line is gone; it is read as well as all its pictures allow."""
        reread(line, find=self.find, read=self.read)
        return Ended(line, gone, has_successor)

    def _read_in_place(self, line: Line, scene: Scene, ended: list[Ended]) -> list[Line]:
        """Says what stands where a line was that was not found: single letters are read but not found."""
        reading = self.read(cut_out(scene.picture, line.box))
        is_other = is_certain(reading, line.reading)
        if is_other and line.says(reading):
            line.found_again(line.box, reading, picture=scene.picture, gray=scene.gray, now=scene.now)
            return []
        self._end(line, scene.now, ended, has_successor=is_other)
        return [self._begun(line.box, reading, scene, [line])] if is_other else []

    def _watch(self, lines: Iterable[Line], now: Look) -> None:
        """A band for each line; those in which no line is left wait for the next one, for a while."""
        for line in lines:
            _, top, _, bottom = bounds(line.box)
            margin = _ABOVE * line.box.height
            self._bands.append(Band(top - margin, bottom + margin, math.inf, now))
        self._bands = merged(self._bands)
        for band in self._bands:
            if not any(band.has(line.box) for line in self.lines):
                band.until_s = min(band.until_s, now.time_s + _WATCHED_S)

    def _absent(self, box: TextBox, scene: Scene) -> Look | None:
        """The last look at its place that did not show it."""
        inside = [band.looked for band in self._bands if band.has(box)]
        looks = [look for look in (scene.absent, *inside) if look is not None and look.index < scene.now.index]
        return max(looks, key=lambda look: look.index, default=None)


def _is_within(box: TextBox, area: Area) -> bool:
    x, y = box.corners.mean(axis=0)
    return bool(area[0] <= x <= area[2] and area[1] <= y <= area[3])


def _is_unchanged(line: Line, box: TextBox, gray: Gray) -> bool:
    """Whether a line was found again just as it was, so that it need not be read."""
    ours = line.box
    change = max(abs(ours.width - box.width), abs(ours.height - box.height))
    return change <= max(2.0, ours.height / 3) and line.strokes.are_in(gray) and line.strokes.is_calm(gray)
