"""The in-memory bus: the conformance suite, and what its clock makes testable."""

from __future__ import annotations

import asyncio

import pytest
from contract.bus_conformance import BusConformance
from contract.bus_kit import ANNOUNCEMENT_TTL_S, Connect

from reelscope_runtime.bus.base import Bus
from reelscope_runtime.bus.memory import ManualClock, MemoryBus


class TestMemoryBus(BusConformance):
    @pytest.fixture
    def connect(self) -> Connect:
        bus = MemoryBus(announcement_ttl_s=ANNOUNCEMENT_TTL_S)

        async def connect() -> Bus:
            return bus.peer()

        return connect


class TestManualClock:
    async def test_the_ack_wait_and_the_delay_follow_the_clock(self) -> None:
        clock = ManualClock()
        bus = MemoryBus(clock=clock)
        source = await bus.tasks("vision", ack_wait_s=30)
        await bus.publish_task("vision", "low", b"x", message_id="1")
        first = await source.next(0)
        assert first is not None
        waiting = asyncio.ensure_future(source.next(3600))
        for _ in range(3):
            await asyncio.sleep(0)
        clock.advance(29.9)
        await first.heartbeat()
        clock.advance(29.9)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(0.2)
        second = await waiting
        assert second is not None
        assert second.attempt == 2
        await first.nak()
        assert await source.next(0) is None, "a nak of an older delivery means nothing"
        await second.nak(delay_s=15)
        assert await source.next(0) is None
        clock.advance(15)
        third = await source.next(0)
        assert third is not None
        assert third.attempt == 3

    async def test_the_duplicate_window_ends(self) -> None:
        clock = ManualClock()
        bus = MemoryBus(clock=clock)
        assert await bus.publish_task("vision", "low", b"x", message_id="1")
        assert not await bus.publish_task("vision", "low", b"x", message_id="1")
        clock.advance(3600)
        assert await bus.publish_task("vision", "low", b"x", message_id="1")

    async def test_announcements_expire(self) -> None:
        clock = ManualClock()
        bus = MemoryBus(clock=clock)
        await bus.announce("vision", b"1")
        clock.advance(29)
        assert await bus.announcements() == {"vision": b"1"}
        clock.advance(1)
        assert await bus.announcements() == {}
