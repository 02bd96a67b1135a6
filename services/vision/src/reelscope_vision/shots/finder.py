"""From what the network sees to transitions: which kind, and exactly which frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reelscope_vision.shots.blank import find_ramp, find_return
from reelscope_vision.shots.covered import is_covered
from reelscope_vision.shots.flash import Flash, find_flash
from reelscope_vision.shots.history import History, SmallFrame, difference
from reelscope_vision.shots.mixing import mixed_between
from reelscope_vision.shots.slide import Slide, find_slide, is_slide
from reelscope_vision.shots.spans import Span, SpanReader
from reelscope_vision.shots.step import find_step
from reelscope_vision.shots.transition import Kind, Transition, correlation, is_plain, is_recoloured, is_wipe
from reelscope_vision.shots.wipe import HOP, WINDOWS, find_wipe

_HARD_SPAN = 3
"""A transition of which the network marks no more frames is a cut."""

_ONE_STEP = 0.5
"""Share of the whole change that a single step makes in a cut, and never in a dissolve of 3 frames or more."""

_LEAST_STEP = 0.35
"""Share of the whole change that the largest step makes at least in a cut, however few frames the network marks."""

_LAST_STEP = 0.5
"""Of several large steps in a row (a black frame between two shots) the new shot begins at the last that reaches this share
of the largest."""

_SNAP = 3
"""Network frames by which the ends of a gradual transition are moved to where the picture starts and stops to change."""

_SNAP_CHANGE = 0.5
"""A frame is part of a gradual transition while it changes by this share of the median change within."""

_SAME_PICTURE = 0.9
"""Correlation of two frames from which they show the same: a cut between them is a jump, a fade between them no new shot."""

_MISSED = 0.5
"""Strength of a transition that the network did not see and that the frames alone tell."""

_GUARD = 3
"""Network frames around a transition in which another finding is taken for its echo."""


@dataclass(frozen=True, slots=True)
class _Event:
    """A transition and the positions that it covers; of a fade to or from a plain picture, the other one."""

    first: int
    last: int
    transition: Transition
    left: SmallFrame | None = None
    came: SmallFrame | None = None


class TransitionFinder:
    """Takes probabilities in order and gives transitions in order.

    Args:
        history: Frames by position; appended to and shortened by the caller.
        step: Frames per network frame.
        longest: Network frames after which a transition is taken as over.
        ahead: Network frames that a slide or a fade may take of which the network sees nothing: it is looked for so much later.
        wipe_windows: Network frames of the windows in which wipes are looked for.
    """

    def __init__(self, history: History, *, step: int, longest: int, ahead: int, wipe_windows: Sequence[int] = WINDOWS) -> None:
        self._history = history
        self._step = step
        self._spans = SpanReader(longest=longest)
        self._next_frame = self._next_late = 1
        self._wipe_windows = dict.fromkeys(wipe_windows, 0)
        self._ahead = ahead * step
        self._hold = (max([ahead, *wipe_windows]) + _GUARD) * step
        self._events: list[_Event] = []
        self._given_until = -1
        self._faded_from: SmallFrame | None = None

    @property
    def needs_from(self) -> int:
        """Oldest position in the history that may still be looked at."""
        kept = max(self._hold + 2 * _SNAP * self._step, 2 * self._ahead + self._step)
        return max(0, self._spans.settled * self._step - kept)

    def advance(
        self, probabilities: Iterable[tuple[float, float]], *, final: bool, overdue_s: float = -math.inf
    ) -> Iterator[Transition]:
        """Takes the probabilities of the next network frames; gives the transitions that are certain.

        Flashes come before what the network sees of them, the network's transitions before those that it missed.

        Args:
            probabilities: Of being the middle of a transition, and of being part of one.
            final: Nothing will follow.
            overdue_s: Transitions at earlier times are given now, whatever may follow: at a frame a second or less, waiting for
                so many frames would take too long.
        """
        overdue = self._spans.settled * self._step
        while overdue < len(self._history) and self._history[overdue].time_s < overdue_s:
            overdue += 1
        spans = self._spans.read(probabilities, final=final, overdue=overdue // self._step)
        settled = len(self._history) if final else self._spans.settled * self._step
        unseen = range(self._next_frame, settled)
        self._next_frame = max(self._next_frame, settled)
        for position in unseen:
            if not self._known(position, position) and (flash := find_flash(self._history, position)):
                self._add(flash.first, flash.last, self._flash(flash))
        for span in spans:
            if not self._known(span.middle * self._step, (span.middle + 1) * self._step):
                event = self._event(span)
                if event is not None:
                    self._events.append(event)
        self._look_for_wipes(settled)
        self._look_back(settled if final else settled - self._ahead, overdue_s)
        for position in unseen:
            if not self._known(position, position) and (strength := find_step(self._history, position)):
                self._add(position, position, self._cut(position, strength))
        yield from self._certain(math.inf if final else settled - self._hold, overdue_s)

    def _look_for_wipes(self, settled: int) -> None:
        hop = HOP * self._step
        for length, next_start in self._wipe_windows.items():
            starts = range(next_start, settled - length * self._step + 1, hop)
            for start in starts:
                self._look_for_wipe(start, length)
            self._wipe_windows[length] = next_start + hop * len(starts)

    def _look_back(self, until: int, overdue_s: float) -> None:
        """Looks for what takes long and what the network was not taught: slides, and fades of which it saw nothing.

        What is older than `overdue_s` comes too late.
        """
        history = self._history
        for at in range(self._next_late, until):
            event: _Event | None
            slide = None if self._known(at, at) else find_slide(history, at, self._step)
            if slide is not None and not self._known(slide.first, slide.last):
                new = history[(slide.first + slide.last + 1) // 2]
                event = _Event(
                    slide.first,
                    slide.last,
                    _between("wipe", history[slide.first], new, history[slide.last], _MISSED, opens_shot=True),
                )
            else:
                event = None if self._touches(at, at) else self._fade_at(at)
            is_new = event is not None and event.first > self._given_until and not self._touches(event.first, event.last)
            if event is not None and is_new and event.transition.time_s >= overdue_s:
                self._events.append(event)
        self._next_late = max(self._next_late, until)

    def _fade_at(self, at: int) -> _Event | None:
        """The fade in which a picture becomes plain at a position, or is not any more."""
        history = self._history
        is_out = is_plain(history[at])
        if is_out == is_plain(history[at - 1]):
            return None
        fade = find_ramp(history, at, -1) if is_out else find_ramp(history, at - 1, 1) or find_return(history, at)
        if fade is None:
            return None
        first, last = fade
        start, end = history[first], history[last]
        found = _between("fade", start, history[last + 1] if is_out else start, end, _MISSED, opens_shot=False)
        return _Event(first, last, found, left=history[first - 1] if is_out else None, came=None if is_out else end)

    def _look_for_wipe(self, start: int, length: int) -> None:
        stop = start + length * self._step
        if any(event.last >= start and event.first < stop for event in self._events):
            return
        wipe = find_wipe(self._history, start, length, self._step)
        if wipe is not None:
            first, last = self._history[wipe.first], self._history[wipe.last]
            new = self._history[(wipe.first + wipe.last + 1) // 2]
            self._add(wipe.first, wipe.last, _between("wipe", first, new, last, wipe.strength, opens_shot=True))

    def _add(self, first: int, last: int, transition: Transition) -> None:
        self._events.append(_Event(first, last, transition))

    def _known(self, first: int, last: int) -> bool:
        """Whether what lies between two positions belongs to a transition that was found already."""
        guard = _GUARD * self._step
        return any(event.first - guard <= last and event.last + guard >= first for event in self._events)

    def _touches(self, first: int, last: int) -> bool:
        """The same without a guard: two fades may follow each other at once."""
        return any(event.first <= last and event.last >= first for event in self._events)

    def _certain(self, before: float, overdue_s: float) -> Iterator[Transition]:
        """The transitions that no later finding can precede or change, and those that cannot wait for it."""
        self._events.sort(key=lambda event: (event.transition.frame, event.first))
        while self._events and (self._events[0].last < before or self._events[0].transition.time_s < overdue_s):
            event = self._events.pop(0)
            self._given_until = max(self._given_until, event.last)
            yield self._given(event)

    def _given(self, event: _Event) -> Transition:
        """The transition; a fade-in opens a shot where another picture faded out before it."""
        given = event.transition
        if event.came is not None:
            is_new = self._faded_from is not None and not _same(self._faded_from, event.came)
            given = replace(given, opens_shot=is_new)
        if event.left is not None:
            self._faded_from = event.left
        elif event.came is not None or given.opens_shot:
            self._faded_from = None
        return given

    def _event(self, span: Span) -> _Event | None:
        """What the network saw, if it is a transition."""
        first, last = span.first * self._step, (span.last + 1) * self._step - 1
        whole = difference(self._history[first - 1].picture, self._history[last + 1].picture)
        slide = self._slide_near(first) if span.part_count > _HARD_SPAN else None
        if slide is not None:
            new = self._history[(slide.first + slide.last + 1) // 2]
            start, end = self._history[slide.first], self._history[slide.last]
            return _Event(first, last, _between("wipe", start, new, end, span.peak, opens_shot=True))
        cut = self._largest_step(span)
        least = _LEAST_STEP if span.part_count <= _HARD_SPAN else _ONE_STEP
        if self._history[cut].change >= least * max(whole, 1.0):
            if is_recoloured(self._history[cut - 1], self._history[cut]):
                return None
            return _Event(first, last, self._cut(cut, span.peak))
        gradual = self._gradual(*self._snapped(first, last), span)
        return None if gradual is None else replace(gradual, first=first, last=last)

    def _slide_near(self, position: int) -> Slide | None:
        """The slide that begins about where the network sees a transition begin."""
        reach = _SNAP * self._step
        starts = (find_slide(self._history, at, self._step) for at in range(max(1, position - reach), position + reach + 1))
        return next((slide for slide in starts if slide is not None), None)

    def _largest_step(self, span: Span) -> int:
        """Position of the first frame of the new shot, if this is a cut."""
        low = span.middle_first * self._step + 1
        high = min((span.middle_last + 2) * self._step, len(self._history) - 1)
        changes = np.array([self._history[position].change for position in range(low, max(high, low) + 1)])
        return low + int(np.flatnonzero(changes >= _LAST_STEP * changes.max())[-1])

    def _cut(self, position: int, strength: float) -> Transition:
        old, new = self._history[position - 1], self._history[position]
        kind: Kind = "jump" if correlation(old.picture, new.picture) >= _SAME_PICTURE else "hard"
        return _between(kind, new, new, new, strength, opens_shot=True)

    def _snapped(self, first: int, last: int) -> tuple[int, int]:
        """Ends of a gradual transition where the picture starts and stops to change, if it rests on the outside."""

        def change(position: int) -> float:
            return self._history[position].change

        reach = _SNAP * self._step
        usual = float(np.median([change(position) for position in range(first, last + 1)]))
        least = _SNAP_CHANGE * usual
        if max(change(position) for position in range(first - 2 * reach, first - reach)) < least:
            first = next((at for at in range(first - reach, first + reach + 1) if change(at) >= least), first)
        if max(change(position) for position in range(last + reach + 1, last + 2 * reach + 1)) < least:
            last = next((at for at in range(last + reach, last - reach - 1, -1) if change(at) >= least), last)
        return first, max(first, last)

    def _gradual(self, first: int, last: int, span: Span) -> _Event | None:
        history = self._history
        before, after = history[first - 1], history[last + 1]
        start, end = history[first], history[last]
        middle = history[min(max((span.middle + 1) * self._step, first), last)]
        inner_plain = [position for position in range(first, last + 1) if is_plain(history[position])]
        if inner_plain and inner_plain[-1] == last:
            after = end  # what comes back begins to do so just behind it
        if is_plain(before) and is_plain(after):
            return _Event(first, last, _between("fade", start, middle, end, span.peak, opens_shot=False))
        if is_plain(after):
            return _Event(first, last, _between("fade", start, after, end, span.peak, opens_shot=False), left=before)
        if is_plain(before):
            return _Event(first, last, _between("fade", start, start, end, span.peak, opens_shot=False), came=after)
        if inner_plain:
            returns = history[min(inner_plain[-1] + 1, last)]
            return _Event(first, last, _between("fade", start, returns, end, span.peak, opens_shot=not _same(before, after)))
        if _same(before, after) or is_covered(history, first, last, self._step):
            return None  # a picture that dissolves into itself was blurred, shaken or covered for a while
        during = [history[position] for position in range(first, last + 1)]
        kind: Kind = "wipe" if is_wipe(before, during, after) or is_slide(before, during, after) else "dissolve"
        if kind == "dissolve":
            first, last = mixed_between(history, first, last, self._step)
            start, end = history[first], history[last]
        return _Event(first, last, _between(kind, start, middle, end, span.peak, opens_shot=True))

    def _flash(self, flash: Flash) -> Transition:
        history = self._history
        after = history[flash.last + 1]
        return _between("flash", history[flash.first], after, history[flash.last], flash.strength, opens_shot=False)


def _same(first: SmallFrame, second: SmallFrame) -> bool:
    return correlation(first.picture, second.picture) >= _SAME_PICTURE


def _between(
    kind: Kind, first: SmallFrame, new: SmallFrame, last: SmallFrame, strength: float, *, opens_shot: bool
) -> Transition:
    return Transition(
        kind=kind,
        frame=new.index,
        time_s=new.time_s,
        first_frame=first.index,
        last_frame=last.index,
        start_s=first.time_s,
        end_s=max(last.end_s, first.time_s),
        strength=strength,
        opens_shot=opens_shot,
    )
