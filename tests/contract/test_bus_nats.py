"""The NATS bus on a real server: the conformance suite, and what only a server that dies can show."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import nats
import pytest
from contract.bus_conformance import (
    ANNOUNCEMENT_TTL_S,
    LONG_ACK_WAIT_S,
    SHORT_S,
    SOON_S,
    BusConformance,
    Connect,
    first,
    take,
)
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from reelscope_runtime.bus.base import Bus, Record
from reelscope_runtime.bus.nats import connect as connect_bus
from reelscope_runtime.errors import ConflictError, InvalidRequestError, UnavailableError
from reelscope_runtime.settings import NatsSettings
from support.nats_server import NatsServer

KILLS = 3

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


async def crash(server: NatsServer) -> None:
    """SIGKILL and a new start on the same store."""
    server.kill()
    server.start()


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
        consumer = (await js.consumer_info("TASKS", "vision_high")).config
        assert consumer.ack_wait == 7
        assert consumer.max_deliver == -1
        await changed.close()

    async def test_a_stream_that_cannot_be_changed_is_named(self, server: NatsServer, js: JetStreamContext) -> None:
        await js.add_stream(name="TASKS", subjects=["reelscope.task.>"])
        with pytest.raises(InvalidRequestError, match="TASKS exists with retention"):
            await connect_bus(NatsSettings(url=server.url))

    async def test_replicas_without_a_cluster_are_refused(self, server: NatsServer) -> None:
        with pytest.raises(InvalidRequestError, match="replicas"):
            await connect_bus(NatsSettings(url=server.url, replicas=3))


class TestCrashes:
    @pytest.mark.parametrize("worker_count", [1, 2])
    async def test_tasks_are_neither_lost_nor_done_again(
        self, server: NatsServer, bus: Bus, js: JetStreamContext, worker_count: int
    ) -> None:
        """What a crash leaves open is only what was on its way: a task that a worker had in hand may go to another worker as
        well, and one whose publishing was not confirmed may be stored twice, if it was done before the crash. One worker, which asks
        for the next task once the last ack is confirmed, never sees that task again.
        """
        names = [f"task-{number}" for number in range(200)]
        acknowledged: list[str] = []
        unconfirmed: set[str] = set()
        unconfirmed_at_a_crash: set[str] = set()

        async def publish() -> None:
            for name in names:
                unconfirmed.add(name)
                await bus.publish_task("vision", "normal", name.encode(), message_id=name)
                unconfirmed.remove(name)

        async def work(end: Bus) -> None:
            source = await end.tasks("vision", ack_wait_s=2.0)
            while len(set(acknowledged)) < len(names):
                delivery = await source.next(SHORT_S)
                if delivery is None:
                    continue
                name = delivery.payload.decode()
                assert worker_count > 1 or name not in acknowledged or name in unconfirmed_at_a_crash
                await delivery.ack()
                acknowledged.append(name)

        workers = [await connect_bus(NatsSettings(url=server.url)) for _ in range(worker_count)]
        jobs = [asyncio.ensure_future(step) for step in (publish(), *(work(end) for end in workers))]
        for part in range(1, KILLS + 1):
            while len(acknowledged) < part * len(names) // (KILLS + 2):
                await asyncio.wait(jobs, timeout=0.01, return_when=asyncio.FIRST_EXCEPTION)
            unconfirmed_at_a_crash |= unconfirmed
            await crash(server)
        await asyncio.gather(*jobs)
        assert set(acknowledged) == set(names)
        assert len(acknowledged) - len(names) <= KILLS * worker_count + len(unconfirmed_at_a_crash)
        assert (await js.stream_info("TASKS")).state.messages == 0
        for end in workers:
            await end.close()

    async def test_a_task_in_hand_outlives_the_server(self, server: NatsServer, bus: Bus) -> None:
        source = await bus.tasks("vision", ack_wait_s=2.0)
        await bus.publish_task("vision", "normal", b"x", message_id="1")
        delivery = await take(source)
        await crash(server)
        await delivery.heartbeat()
        await delivery.ack()
        assert await source.next(3.0) is None

    async def test_a_reader_of_events_misses_nothing(self, server: NatsServer, bus: Bus) -> None:
        reader = await connect_bus(NatsSettings(url=server.url))
        count = 300
        seen: list[int] = []

        async def publish() -> None:
            for number in range(count):
                await bus.publish_event("job", "vision", b"%d" % number, message_id=f"{number}")

        async def read() -> None:
            async with aclosing(reader.events("job")) as events:
                async for event in events:
                    seen.append(int(event.payload))
                    if len(seen) == count:
                        return

        jobs = [asyncio.ensure_future(publish()), asyncio.ensure_future(read())]
        for part in range(1, KILLS + 1):
            while len(seen) < part * count // (KILLS + 2):
                await asyncio.wait(jobs, timeout=0.01, return_when=asyncio.FIRST_EXCEPTION)
            await crash(server)
        await asyncio.gather(*jobs)
        assert seen == list(range(count))
        await reader.close()

    async def test_changes_of_a_record_are_exact_and_a_watch_sees_the_last(self, server: NatsServer, bus: Bus) -> None:
        await bus.jobs.create("count", b"0")
        total = 0

        async def count() -> None:
            nonlocal total
            done = 0
            while done < 40:
                record = await bus.jobs.get("count")
                assert record is not None
                assert record.value is not None
                try:
                    await bus.jobs.update("count", b"%d" % (int(record.value) + 1), record.revision)
                except ConflictError:
                    continue
                done += 1
                total += 1

        async def watch() -> list[int]:
            values: list[int] = []
            async with aclosing(bus.jobs.watch("count")) as records:
                async for record in records:
                    assert record.value is not None
                    values.append(int(record.value))
                    if values[-1] == 120:
                        return values
            raise AssertionError("the watch ended")

        jobs = [asyncio.ensure_future(count()) for _ in range(3)]
        watching = asyncio.ensure_future(watch())
        for part in range(1, KILLS + 1):
            while total < part * 120 // (KILLS + 2):
                await asyncio.wait(jobs, timeout=0.005, return_when=asyncio.FIRST_EXCEPTION)
            await crash(server)
        await asyncio.gather(*jobs)
        values = await asyncio.wait_for(watching, SOON_S)
        assert values == sorted(set(values))

    async def test_a_large_object_goes_through(self, server: NatsServer, bus: Bus, tmp_path: Path) -> None:
        content = os.urandom(48 * 2**20)
        source = tmp_path / "in"
        source.write_bytes(content)
        storing = asyncio.ensure_future(bus.media.put("clip", source))
        assert not (await asyncio.wait([storing], timeout=0.02))[0]
        await crash(server)
        await storing
        loading = asyncio.ensure_future(bus.media.get("clip"))
        assert not (await asyncio.wait([loading], timeout=0.02))[0]
        await crash(server)
        assert await loading == content

    async def test_operations_wait_for_the_server(self, server: NatsServer, bus: Bus) -> None:
        await bus.jobs.create("a", b"1")
        with capture_logs() as logs:
            server.kill()
            waiting = [
                asyncio.ensure_future(bus.publish_task("vision", "low", b"x", message_id="1")),
                asyncio.ensure_future(bus.publish_event("job", "vision", b"x", message_id="1")),
                asyncio.ensure_future(bus.jobs.get("a")),
                asyncio.ensure_future(bus.jobs.create("b", b"2")),
                asyncio.ensure_future(bus.jobs.keys()),
                asyncio.ensure_future(bus.objects.put("o", b"object")),
                asyncio.ensure_future(bus.tasks("audio", ack_wait_s=1)),
            ]
            assert not (await asyncio.wait(waiting, timeout=SHORT_S))[0]
            assert not bus.connected
            server.start()
            queued, _, record, revision, keys, *_ = await asyncio.gather(*waiting)
        assert queued is True
        assert record == Record("a", b"1", 1)
        assert revision == 2
        assert keys in (["a"], ["a", "b"])
        assert bus.connected
        assert await bus.objects.get("o") == b"object"
        events = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
        assert events.count("nats_disconnected") == 1
        assert events.count("nats_reconnected") == 1
        assert not [entry for entry in logs if entry["log_level"] == "error"]

    async def test_an_outage_without_end_is_an_error(self, server: NatsServer) -> None:
        bus = await connect_bus(NatsSettings(url=server.url), operation_timeout_s=0.5)
        source = await bus.tasks("vision", ack_wait_s=1)
        server.kill()
        with pytest.raises(UnavailableError):
            await bus.publish_task("vision", "low", b"x", message_id="1")
        with pytest.raises(UnavailableError):
            await bus.jobs.update("a", b"1", 1)
        with pytest.raises(UnavailableError):
            await bus.objects.get("o")
        with pytest.raises(UnavailableError):
            await bus.announcements()
        assert await source.next(SHORT_S) is None
        await asyncio.wait_for(bus.close(), SOON_S)

    async def test_a_server_that_lost_its_store_is_set_up_again(self, server: NatsServer, bus: Bus) -> None:
        source = await bus.tasks("vision", ack_wait_s=LONG_ACK_WAIT_S)
        await bus.publish_task("vision", "low", b"old", message_id="1")
        assert (await take(source)).payload == b"old"
        server.kill()
        server.forget()
        server.start()
        await bus.publish_task("vision", "low", b"new", message_id="2")
        new = await take(source)
        assert new.payload == b"new"
        await new.ack()


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
