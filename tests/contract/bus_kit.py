"""What the bus suites share: the ends of a bus, fresh names, and how long to wait."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from reelscope_runtime.bus.base import Bus, Delivery, Priority, TaskSource

T = TypeVar("T")
Connect = Callable[[], Awaitable[Bus]]

SOON_S = 10.0
"""For what must happen: generous, since the machine may be busy."""
SHORT_S = 0.3
"""For what must not happen, and for ack-waits that are meant to expire."""
LONG_ACK_WAIT_S = 30.0
ANNOUNCEMENT_TTL_S = 1.0
LARGE_BYTES = 20_000_000
TOO_LARGE_BYTES = 9 * 2**20


async def take(source: TaskSource, timeout_s: float = SOON_S) -> Delivery:
    """The next task, which must be there."""
    delivery = await source.next(timeout_s)
    assert delivery is not None, f"no task within {timeout_s} s"
    return delivery


async def first(iterator: AsyncGenerator[T]) -> T:
    return await asyncio.wait_for(anext(iterator), SOON_S)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class BusFixtures:
    """`connect` is supplied by the subclass: each call gives another end of the same bus."""

    @pytest.fixture
    async def bus(self, connect: Connect) -> AsyncIterator[Bus]:
        bus = await connect()
        yield bus
        await bus.close()

    @pytest.fixture
    async def other(self, connect: Connect) -> AsyncIterator[Bus]:
        other = await connect()
        yield other
        await other.close()

    @pytest.fixture
    def service(self) -> str:
        return f"service-{uuid.uuid4().hex[:8]}"

    @pytest.fixture
    def job(self) -> str:
        return f"job-{uuid.uuid4().hex[:8]}"

    @pytest.fixture
    def publish(self, bus: Bus, service: str) -> Callable[..., Awaitable[bool]]:
        async def publish(name: str, priority: Priority = "normal") -> bool:
            return await bus.publish_task(service, priority, name.encode(), message_id=f"{service}.{name}")

        return publish
