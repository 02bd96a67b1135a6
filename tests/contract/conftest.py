"""A server that a test may kill, a bus on it, and the broker as an operator sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import nats
import pytest
from nats.js import JetStreamContext

from reelscope_runtime.bus.base import Bus
from reelscope_runtime.bus.nats import connect as connect_bus
from reelscope_runtime.settings import NatsSettings
from support.nats_server import NatsServer

pytest.register_assert_rewrite("contract.bus_conformance", "contract.task_conformance", "contract.bus_kit")


@pytest.fixture
def server() -> Iterator[NatsServer]:
    """One that the test may kill."""
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await connect_bus(NatsSettings(url=server.url))
    yield bus
    await bus.close()


@pytest.fixture
async def js(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    """The broker as an operator sees it."""
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=1, error_cb=_ignored)
    yield client.jetstream()
    await client.close()


async def _ignored(_: Exception) -> None:
    """The operator's own client may lose its server."""
