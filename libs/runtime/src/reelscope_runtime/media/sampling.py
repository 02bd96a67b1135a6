"""When frames are shown, and which of them a rate picks."""

from __future__ import annotations

import math

_LEAP_S = 1.0
"""A step back by more than this is a break in the clock (joined streams, wrapped counters), a smaller one is jitter."""


class FrameClock:
    """Seconds since time zero for each frame, never falling.

    Args:
        zero_s: Container time of time zero.
        typical_s: Duration of a frame where nothing better is known.
        limit_s: Where the media ends at the latest; later times are broken.
    """

    def __init__(self, zero_s: float, typical_s: float, limit_s: float) -> None:
        self._zero_s = zero_s
        self._step_s = typical_s
        self._limit_s = limit_s
        self._last_s: float | None = None
        self.duplicates = 0
        self.repaired = 0

    def time(self, pts_s: float | None) -> float:
        """The time of the next frame, from its own timestamp wherever that makes sense."""
        last = self._last_s
        now = None if pts_s is None else pts_s - self._zero_s
        if now is not None and now > self._limit_s:
            now = None
        if now is not None and last is not None and now < last - _LEAP_S:
            self._zero_s += now - (last + self._step_s)
            self.repaired += 1
            now = last + self._step_s
        elif now is None:
            self.repaired += 1
            now = 0.0 if last is None else last + self._step_s
        now = max(now, 0.0)
        if last is not None:
            if now <= last:
                self.duplicates += 1
                now = last
            else:
                self._step_s = now - last
        self._last_s = now
        return now

    def end(self, duration_s: float | None) -> float:
        """End of the last frame."""
        return (self._last_s or 0.0) + (duration_s or self._step_s)


class RateSampler:
    """Picks the frame nearest to each multiple of 1 / fps since the first frame.

    Half a frame of tolerance, so that 30 fps at 10 gives every third frame however its timestamps were rounded.

    Args:
        fps: Frames a second; None picks every frame.
    """

    def __init__(self, fps: float | None) -> None:
        self._fps = fps
        self._first_s: float | None = None
        self._next = 0

    def wants(self, time_s: float, end_s: float) -> bool:
        """Is the frame shown from `time_s` to `end_s` picked? Asked once for every frame, in order."""
        if self._fps is None:
            return True
        if self._first_s is None:
            self._first_s = time_s
        reached = ((time_s + end_s) / 2 - self._first_s) * self._fps + 1e-6
        if reached < self._next:
            return False
        self._next = math.floor(reached) + 1
        return True
