"""TransNetV2 over a stream of frames, run only where a transition can be.

Souček & Lokoč, TransNet V2: An effective deep network architecture for fast shot transition detection, 2020. Its authors
show it 100 frames, of which they trust the middle 50, and pad the ends of the clip with its first and last frame. It takes any
other number as well: on real clips its probabilities for frames with as much around them are then the same within 0.1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reelscope_vision.shots.history import History, SmallFrame, difference

MARGIN = 25
"""Frames that the network sees before and after one that may be part of a transition."""

KEPT = 75
"""Frames that one run decides at most: with those around them it takes 180 MB."""

QUIET_STEP = 0.12
"""A frame that differs from its predecessor by more, relative to the contrast of the picture, may be a cut. The least hard cut
among 300 made ones (talking heads cut against themselves included) reaches 0.2; speech and gestures stay below 0.1."""

QUIET_DRIFT = 0.2
"""The same, between bars, for two frames `DRIFT_REACH` either side: a dissolve of up to 30 frames exceeds 0.5, and one of 60
frames 0.25; a person who talks before a still camera stays below 0.2."""

QUIET_SHARE = 0.4
"""Share of the picture up to which drift is quiet as well: what somebody does before a still camera, a squat or
a hand held up. Of made dissolves, and of wipes of up to 30 frames, from one clip to another none is, at its height. Of those
within one scene a tenth is: the network gives none of 49 such a probability above 0.3."""

STRONG_DRIFT = 0.35
"""From here on drift counts wherever it is: what wipes slowly over a picture that is much unlike is a narrow band."""

_CHANGED = 0.1
"""Of the contrast: from here on a place of the picture has changed."""

DRIFT_REACH = 6
"""Frames."""

QUIET_GUARD = 12
"""Frames around anything that is not quiet which the network decides too: a transition begins softly."""

_CONTEXT_SHARE = 0.3
"""Of the longest wait: frames this young are left for the next window. More is more context, but more windows."""

_LEAST_CONTRAST = 4.0
"""Grey levels: below, a picture is plain, and coding noise would look like change."""

Window = NDArray[np.uint8]
Infer = Callable[[Window], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""[n, 27, 48, 3] RGB to two probabilities for each frame: it is the middle of a transition; it is part of one."""


class BoundaryNet:
    """Gives every `step`-th frame its two probabilities, in order and a few seconds late.

    Args:
        infer: Runs the network on one window.
        history: Frames by position; appended to and shortened by the caller.
        step: Every how many-th frame the network sees.
        patience_s: A frame is decided when it is so much older than the newest, even if not all frames around it are there yet.
    """

    def __init__(self, infer: Infer, history: History, *, step: int, patience_s: float) -> None:
        self._infer = infer
        self._history = history
        self._step = step
        self._patience_s = patience_s
        self._next = 0
        self._judged = 0
        self._busy: list[int] = []

    @property
    def needs_from(self) -> int:
        """Oldest position in the history that may still be looked at."""
        oldest = min(self._next - MARGIN, self._judged - DRIFT_REACH)
        return max(0, oldest) * self._step

    def advance(self, *, final: bool) -> list[tuple[float, float]]:
        """Probabilities of the frames that can be decided now: those of the next network frames, in order.

        Args:
            final: No frame will follow.
        """
        given: list[tuple[float, float]] = []
        available = -(-len(self._history) // self._step)
        self._judge(available, final=final)
        while self._next < available:
            self._busy = [at for at in self._busy if at >= self._next - QUIET_GUARD]
            quiet = self._quiet_frames(available, final=final)
            if quiet:
                given += [(0.0, 0.0)] * quiet
                self._next += quiet
                continue
            keep = self._decidable(available, final=final)
            if not keep:
                break
            given += self._run(keep, available)
            self._next += keep
        return given

    def _judge(self, available: int, *, final: bool) -> None:
        """Notes which frames are not quiet, as far as that is known."""
        while self._judged < available and (final or self._judged + DRIFT_REACH < available):
            here, step = self._judged, self._step
            before = self._history[max(here - DRIFT_REACH, 0) * step]
            after = self._history[min(here + DRIFT_REACH, available - 1) * step]
            last, now = self._history[max(here - 1, 0) * step], self._history[here * step]
            jump = difference(last.picture, now.picture) / max(last.contrast, now.contrast, _LEAST_CONTRAST)
            if jump > QUIET_STEP or _drifts(before, after):
                self._busy.append(here)
            self._judged += 1

    def _quiet_frames(self, available: int, *, final: bool) -> int:
        """How many of the next frames are known to have nothing but quiet ones around them."""
        known = self._known(available, final=final)
        until = min((at - QUIET_GUARD for at in self._busy), default=known)
        return max(0, min(known, until) - self._next)

    def _known(self, available: int, *, final: bool) -> int:
        """Up to which frame it is known whether it has nothing but quiet ones around it."""
        return available if final else self._judged - QUIET_GUARD

    def _decidable(self, available: int, *, final: bool) -> int:
        """How many of the next frames a window may decide now; 0: wait for more."""
        stop = self._run_stop()
        if stop < self._known(available, final=final) or final:
            return min(KEPT, min(stop, available) - self._next)
        if available - self._next >= KEPT + MARGIN:
            return KEPT
        newest = self._history[len(self._history) - 1].time_s
        if newest - self._history[self._next * self._step].time_s < self._patience_s:
            return 0
        # Few frames a second: give up context rather than hold everybody back.
        keep = 1
        while (
            keep < available - self._next - MARGIN
            or newest - self._history[(self._next + keep) * self._step].time_s > self._patience_s * _CONTEXT_SHARE
        ):
            keep += 1
        return min(keep, KEPT)

    def _run_stop(self) -> int:
        """The first frame from the next one on that has nothing but quiet ones around it, as far as they are judged."""
        stop = self._next
        for at in self._busy:
            if at - QUIET_GUARD > stop:
                break
            stop = max(stop, at + QUIET_GUARD + 1)
        return stop

    def _run(self, keep: int, available: int) -> list[tuple[float, float]]:
        stop = self._next + keep
        first, last = self._next - MARGIN, stop - 1 + MARGIN
        # Quiet frames beside busy ones serve as their context and need none of their own.
        busy = [at for at in self._busy if at < stop + QUIET_GUARD]
        if busy:
            first = max(first, min(busy[0], self._next + QUIET_GUARD) - MARGIN)
            if min(stop + QUIET_GUARD, available) <= self._judged:
                last = min(last, max(busy[-1], stop - 1 - QUIET_GUARD) + MARGIN)
        positions = np.clip(np.arange(first, last + 1), 0, available - 1) * self._step
        middle, part = self._infer(np.stack([self._history[int(position)].picture for position in positions]))
        kept = slice(self._next - first, stop - first)
        return list(zip(middle[kept].tolist(), part[kept].tolist(), strict=True))


def _drifts(before: SmallFrame, after: SmallFrame) -> bool:
    """Whether two frames `DRIFT_REACH` either side of one may be from before and after a transition."""
    rows, columns = before.rows | after.rows, before.columns | after.columns
    live = np.ix_(rows, columns) if rows.any() and columns.any() else np.s_[:, :]
    contrast = max(float(before.luma_map[live].std()), float(after.luma_map[live].std()), _LEAST_CONTRAST)
    apart = np.abs(before.picture[live].astype(np.int16) - after.picture[live]).mean(axis=2) / contrast
    drift = float(apart.mean())
    return drift > STRONG_DRIFT or (drift > QUIET_DRIFT and float((apart > _CHANGED).mean()) > QUIET_SHARE)
