"""The NATS bus on a real server: the conformance suite, and what only a real server has."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from contract.bus_conformance import BusConformance
from contract.bus_kit import ANNOUNCEMENT_TTL_S, LONG_ACK_WAIT_S, SHORT_S, SOON_S, Connect, first, take
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from reelscope_runtime.bus import names
from reelscope_runtime.bus.base import PRIORITIES, Bus
from reelscope_runtime.bus.nats import connect as connect_bus
from reelscope_runtime.bus.nats_tasks import POLL_S
from reelscope_runtime.errors import InvalidRequestError, UnavailableError
from reelscope_runtime.settings import NatsSettings
from support.nats_server import NatsServer

TAKE_AND_HANG = """
import asyncio, sys
from reelscope_runtime.bus.nats import connect
from reelscope_runtime.settings import NatsSettings

async def main():
    bus = await connect(NatsSettings(url=sys.argv[1]))
    source = await bus.tasks("vision", ack_wait_s=1.0)
    delivery = await source.next(20)
    print(delivery.attempt, flush=True)
    while True:
        await delivery.heartbeat()
        await asyncio.sleep(0.2)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def shared_server() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


class TestNatsBus(BusConformance):
    @pytest.fixture
    def connect(self, shared_server: NatsServer) -> Connect:
        settings = NatsSettings(url=shared_server.url)

        async def connect() -> Bus:
            return await connect_bus(settings, announcement_ttl_s=ANNOUNCEMENT_TTL_S)

        return connect


class TestStart:
    async def test_no_server_is_an_error_after_the_timeout(self, server: NatsServer) -> None:
        server.kill()
        began = time.monotonic()
        with capture_logs() as logs, pytest.raises(UnavailableError, match=server.url):
            await connect_bus(NatsSettings(url=server.url, connect_timeout_s=1.0))
        assert 0.9 < time.monotonic() - began < SOON_S
        assert [entry["event"] for entry in logs] == ["nats_unreachable"]

    async def test_a_server_that_starts_late_is_waited_for(self, server: NatsServer) -> None:
        server.kill()
        connecting = asyncio.ensure_future(connect_bus(NatsSettings(url=server.url)))
        assert not (await asyncio.wait([connecting], timeout=SHORT_S))[0]
        server.start()
        bus = await connecting
        assert bus.connected
        await bus.close()

    async def test_a_url_that_is_none_is_refused(self) -> None:
        with pytest.raises(InvalidRequestError, match="no NATS URL"):
            await connect_bus(NatsSettings(url="nats://127.0.0.1:port"))

    async def test_many_processes_start_at_once(self, server: NatsServer) -> None:
        settings = [NatsSettings(url=server.url, events_max_age_s=3600.0 + number % 2) for number in range(6)]
        buses = await asyncio.gather(*(connect_bus(one) for one in settings))
        sources = await asyncio.gather(*(bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S) for bus in buses))
        await buses[0].publish_task("vision", "high", b"x", message_id="1")
        deliveries = await asyncio.gather(*(source.next(SHORT_S) for source in sources))
        assert sum(delivery is not None for delivery in deliveries) == 1
        for bus in buses:
            await bus.close()

    async def test_changed_settings_change_the_streams(self, server: NatsServer, bus: Bus, js: JetStreamContext) -> None:
        await bus.publish_event("job", "vision", b"1", message_id="1")
        await bus.tasks("vision", ack_wait_s=30)
        changed = await connect_bus(NatsSettings(url=server.url, events_max_age_s=60, results_ttl_s=100), announcement_ttl_s=5)
        await changed.tasks("vision", ack_wait_s=7)
        assert (await js.stream_info("EVENTS")).config.max_age == 60
        assert (await js.stream_info("EVENTS")).state.messages == 1
        assert (await js.stream_info("KV_results")).config.max_age == 100
        assert (await js.stream_info("KV_services")).config.max_age == 5
        defaults = NatsSettings()
        assert (await js.stream_info("OBJ_objects")).config.max_age == max(100, defaults.jobs_ttl_s)
        assert (await js.stream_info("OBJ_media")).config.max_age == defaults.jobs_ttl_s
        consumer = (await js.consumer_info("TASKS", "vision_high")).config
        assert consumer.ack_wait == 7
        assert consumer.max_deliver == -1
        await changed.close()

    async def test_object_stores_that_kept_everything_get_an_age(self, server: NatsServer, js: JetStreamContext) -> None:
        old = await js.create_object_store("media")  # as nats-py and versions before this declare it: no age
        await old.put("clip", b"x")
        bus = await connect_bus(NatsSettings(url=server.url, jobs_ttl_s=60, results_ttl_s=90))
        assert (await js.stream_info("OBJ_media")).config.max_age == 60
        assert (await js.stream_info("OBJ_objects")).config.max_age == 90
        assert await bus.media.get("clip") == b"x"
        await bus.close()

    async def test_a_stream_that_cannot_be_changed_is_named(self, server: NatsServer, js: JetStreamContext) -> None:
        await js.add_stream(name="TASKS", subjects=["reelscope.task.>"])
        with pytest.raises(InvalidRequestError, match="TASKS exists with retention"):
            await connect_bus(NatsSettings(url=server.url))

    async def test_replicas_without_a_cluster_are_refused(self, server: NatsServer) -> None:
        with pytest.raises(InvalidRequestError, match="replicas"):
            await connect_bus(NatsSettings(url=server.url, replicas=3))


class TestWorkers:
    async def test_the_task_of_a_killed_worker_is_delivered_again(self, server: NatsServer, bus: Bus) -> None:
        await bus.publish_task("vision", "high", b"x", message_id="1")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", TAKE_AND_HANG, server.url, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert worker.stdout is not None
            assert await asyncio.wait_for(worker.stdout.readline(), 3 * SOON_S) == b"1\n"
            source = await bus.tasks("vision", ack_wait_s=1.0)
            assert await source.next(2.0) is None, "it is alive and says so"
        finally:
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        delivery = await take(source)
        assert delivery.attempt == 2
        await delivery.ack()

    async def test_an_idle_worker_asks_seldom(self, bus: Bus, js: JetStreamContext) -> None:
        source = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)
        asked = await js._nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.>")
        for _ in range(3):
            assert await source.next(POLL_S) is None
        assert 0 < asked.pending_msgs <= 3 * len(PRIORITIES), "one look a call, at each priority"

    async def test_wakes_for_others_keep_nobody_beyond_the_deadline(self, bus: Bus, js: JetStreamContext) -> None:
        source = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)

        async def wake(_: Msg) -> None:
            await js._nc.publish(names.wake_subject("vision"))

        await js._nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=wake)  # during each look
        assert await asyncio.wait_for(source.next(SHORT_S), SOON_S) is None

    async def test_an_ack_that_the_consumer_does_not_know_takes_the_task_out(self, bus: Bus, js: JetStreamContext) -> None:
        source = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)
        await bus.publish_task("vision", "high", b"x", message_id="1")
        delivery = await take(source)
        await js.delete_consumer("TASKS", "vision_high")
        await delivery.ack()
        assert (await js.stream_info("TASKS")).state.messages == 0
        await delivery.ack()
        await bus.publish_task("vision", "high", b"y", message_id="2")
        assert (await take(source)).payload == b"y", "the consumer is made again"

    async def test_a_nak_that_the_consumer_does_not_know_costs_no_task(self, bus: Bus, js: JetStreamContext) -> None:
        source = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)
        await bus.publish_task("vision", "high", b"x", message_id="1")
        delivery = await take(source)
        await js.delete_consumer("TASKS", "vision_high")
        await delivery.nak(delay_s=5)
        assert (await take(source)).payload == b"x"

    async def test_closing_gives_back_what_an_interrupted_wait_took(self, bus: Bus) -> None:
        for round_number in range(30):
            name = f"{round_number}"
            source = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)
            await bus.publish_task("vision", "high", name.encode(), message_id=name)
            waiting = asyncio.ensure_future(source.next(SOON_S))
            for _ in range(round_number):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            if not waiting.cancelled():
                delivery = waiting.result()
                assert delivery is not None
                await delivery.nak()
            await source.close()
            successor = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)
            delivery = await take(successor)
            assert delivery.payload == name.encode()
            await delivery.ack()
            await successor.close()


class TestReaders:
    async def test_a_closed_iterator_leaves_no_consumer(self, bus: Bus, js: JetStreamContext) -> None:
        await bus.publish_event("job", "vision", b"x", message_id="1")
        async with aclosing(bus.events("job")) as events:
            await first(events)
            assert (await js.stream_info("EVENTS")).state.consumer_count == 1
        deadline = time.monotonic() + SOON_S
        while (await js.stream_info("EVENTS")).state.consumer_count:
            assert time.monotonic() < deadline

    async def test_messages_of_the_largest_size_are_read_one_after_the_other(self, bus: Bus) -> None:
        for number in range(24):
            await bus.publish_event("job", "vision", bytes([number]) * (7 * 2**20), message_id=f"{number}")
        async with aclosing(bus.events("job")) as events:
            for number in range(24):
                event = await first(events)
                assert len(event.payload) == 7 * 2**20
                assert event.payload[0] == number

    async def test_a_reader_whose_consumer_was_removed_goes_on(self, bus: Bus, js: JetStreamContext) -> None:
        await bus.publish_event("job", "vision", b"1", message_id="1")
        async with aclosing(bus.events("job")) as events:
            assert (await first(events)).payload == b"1"
            for consumer in await js.consumers_info("EVENTS"):
                await js.delete_consumer("EVENTS", consumer.name)
            await bus.publish_event("job", "vision", b"2", message_id="2")
            assert (await first(events)).payload == b"2"
