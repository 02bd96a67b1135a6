"""The NATS bus over a server that dies."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest
from contract.bus_kit import LONG_ACK_WAIT_S, SHORT_S, SOON_S, take
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from reelscope_runtime.bus.base import Bus, Record
from reelscope_runtime.bus.nats import connect as connect_bus
from reelscope_runtime.errors import ConflictError, UnavailableError
from reelscope_runtime.settings import NatsSettings
from support.nats_server import NatsServer

KILLS = 3


def crash(server: NatsServer) -> None:
    """SIGKILL and a new start on the same store."""
    server.kill()
    server.start()


class TestCrashes:
    @pytest.mark.parametrize("worker_count", [1, 2])
    async def test_tasks_are_neither_lost_nor_done_again(
        self, server: NatsServer, bus: Bus, js: JetStreamContext, worker_count: int
    ) -> None:
        """What a crash leaves open is only what was on its way: a task that a worker had in hand may go to another worker as
        well, and one whose publishing was not confirmed may be stored twice, if it was done before the crash. One worker,
        which asks for the next task once the last ack is confirmed, never sees that task again.
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
            crash(server)
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
        crash(server)
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
            crash(server)
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
            crash(server)
        await asyncio.gather(*jobs)
        values = await asyncio.wait_for(watching, SOON_S)
        assert values == sorted(set(values))

    async def test_a_large_object_goes_through(self, server: NatsServer, bus: Bus, tmp_path: Path) -> None:
        content = os.urandom(48 * 2**20)
        source = tmp_path / "in"
        source.write_bytes(content)
        storing = asyncio.ensure_future(bus.media.put("clip", source))
        assert not (await asyncio.wait([storing], timeout=0.02))[0]
        crash(server)
        await storing
        loading = asyncio.ensure_future(bus.media.get("clip"))
        assert not (await asyncio.wait([loading], timeout=0.02))[0]
        crash(server)
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
