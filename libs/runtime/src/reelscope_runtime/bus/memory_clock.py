"""Time for the in-memory bus: the real one, or one that a test moves."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod


class Bell:
    """Wakes everybody who waits for the next ring."""

    def __init__(self) -> None:
        self._next: asyncio.Future[None] | None = None

    def next(self) -> asyncio.Future[None]:
        """Done at the next ring. Take it before looking at the state whose change it tells."""
        if self._next is None or self._next.done():
            self._next = asyncio.get_running_loop().create_future()
        return self._next

    def ring(self) -> None:
        """Something changed."""
        if self._next is not None and not self._next.done():
            self._next.set_result(None)


class Clock(ABC):
    """What time it is, and how to wait."""

    @abstractmethod
    def now(self) -> float:
        """Seconds from some fixed point."""

    @abstractmethod
    async def wait(self, rung: asyncio.Future[None], timeout_s: float | None) -> None:
        """Returns when the bell rang or the time is over."""


class RealClock(Clock):
    """The machine's monotonic clock."""

    def now(self) -> float:
        """See the base."""
        return time.monotonic()

    async def wait(self, rung: asyncio.Future[None], timeout_s: float | None) -> None:
        """See the base."""
        await asyncio.wait({rung}, timeout=timeout_s)


class ManualClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        """See the base."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves the clock and wakes whose time has come."""
        self._now += seconds
        for due, timer in self._timers:
            if due <= self._now and not timer.done():
                timer.set_result(None)

    async def wait(self, rung: asyncio.Future[None], timeout_s: float | None) -> None:
        """See the base."""
        waited_for = {rung}
        entry = None
        if timeout_s is not None:
            timer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (self._now + timeout_s, timer)
            self._timers.append(entry)
            waited_for.add(timer)
        try:
            await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if entry is not None:
                self._timers.remove(entry)
