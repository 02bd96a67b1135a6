"""What every bus does, whatever carries it. A subclass says how to connect; it inherits the tests."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest

from reelscope.analysis.v1.analysis_pb2 import DeadLetter, Problem
from reelscope_runtime.bus.base import PRIORITIES, Bucket, Bus, Delivery, Event, Priority, Record, TaskSource
from reelscope_runtime.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError

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


class BusConformance:
    """The tests. `connect` is supplied by the subclass: each call gives another end of the same bus."""

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

    # Tasks

    async def test_a_task_arrives_as_it_was_sent(self, bus: Bus, other: Bus, service: str) -> None:
        headers = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "x-Job": "grüße"}
        assert await bus.publish_task(service, "high", b"\x00payload", message_id=f"{service}.1", headers=headers)
        source = await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        delivery = await take(source)
        assert delivery.payload == b"\x00payload"
        assert delivery.headers == headers
        assert delivery.subject == f"reelscope.task.{service}.high"
        assert delivery.message_id == f"{service}.1"
        assert delivery.attempt == 1
        assert delivery.priority == "high"
        await delivery.ack()
        assert await source.next(SHORT_S) is None

    async def test_nothing_to_do_is_none_after_the_timeout(self, bus: Bus, service: str) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        began = time.monotonic()
        assert await source.next(SHORT_S) is None
        assert SHORT_S <= time.monotonic() - began < SOON_S

    async def test_a_waiting_worker_is_woken(self, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]) -> None:
        source = await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        waiting = asyncio.ensure_future(take(source))
        assert await (await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)).next(SHORT_S) is None
        assert not waiting.done()
        await publish("late")
        delivery = await waiting
        assert delivery.payload == b"late"
        await delivery.ack()

    async def test_tasks_of_one_priority_come_in_their_order(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        for number in range(20):
            await publish(f"{number}")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        seen = []
        for _ in range(20):
            delivery = await take(source)
            seen.append(int(delivery.payload))
            await delivery.ack()
        assert seen == list(range(20))

    async def test_high_comes_before_normal_before_low(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        for priority in ("low", "normal", "high", "normal", "high"):
            await publish(f"{priority}.{uuid.uuid4().hex}", priority)
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        seen = [(await take(source)).priority for _ in range(5)]
        assert seen == ["high", "high", "normal", "normal", "low"]

    async def test_a_queue_that_never_empties_starves_no_other(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        for number in range(16):
            for priority in PRIORITIES:
                await publish(f"{priority}.{number}", priority)
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        seen = [(await take(source)).priority for _ in range(16)]
        assert seen.count("high") == 12
        assert seen.count("normal") == 2
        assert seen.count("low") == 2

    async def test_the_same_message_id_queues_one_task(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        assert await publish("once")
        assert not await publish("once")
        assert not await other.publish_task(service, "normal", b"again", message_id=f"{service}.once")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        delivery = await take(source)
        await delivery.ack()
        assert not await publish("once")
        assert await source.next(SHORT_S) is None

    async def test_services_do_not_see_each_others_tasks(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("mine")
        stranger = await bus.tasks(f"{service}-2", ack_wait_s=LONG_ACK_WAIT_S)
        assert await stranger.next(SHORT_S) is None

    async def test_nak_gives_a_task_back_at_once(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("hot potato")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        second = await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        await (await take(source)).nak()
        delivery = await take(second)
        assert delivery.payload == b"hot potato"
        assert delivery.attempt == 2
        await delivery.ack()

    async def test_nak_with_a_delay_waits_that_long(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("later")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        delivery = await take(source)
        began = time.monotonic()
        await delivery.nak(delay_s=1.0)
        again = await take(source)
        # The server's timers and ours start a network trip apart.
        assert time.monotonic() - began > 0.95
        assert again.attempt == 2
        await again.ack()

    async def test_a_task_without_heartbeat_goes_to_another_worker(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("abandoned")
        source = await bus.tasks(service, ack_wait_s=SHORT_S)
        assert (await take(source)).attempt == 1
        second = await other.tasks(service, ack_wait_s=SHORT_S)
        assert (await take(second)).attempt == 2
        third = await take(second)
        assert third.attempt == 3
        assert third.message_id == f"{service}.abandoned"
        await third.ack()

    async def test_heartbeats_keep_a_task(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("long work")
        source = await bus.tasks(service, ack_wait_s=1.0)
        second = await other.tasks(service, ack_wait_s=1.0)
        delivery = await take(source)
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            await delivery.heartbeat()
            assert await second.next(0.2) is None
        await delivery.ack()
        assert await second.next(1.5) is None

    async def test_a_late_ack_still_ends_the_task(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("slow")
        source = await bus.tasks(service, ack_wait_s=SHORT_S)
        second = await other.tasks(service, ack_wait_s=SHORT_S)
        slow = await take(source)
        again = await take(second)
        assert again.attempt == 2
        await slow.ack()
        await again.ack()
        assert await second.next(3 * SHORT_S) is None

    async def test_a_terminated_task_never_comes_again(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("hopeless")
        source = await bus.tasks(service, ack_wait_s=SHORT_S)
        await (await take(source)).term()
        assert await source.next(3 * SHORT_S) is None

    async def test_two_workers_share_the_tasks(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        names = [f"task {number}" for number in range(60)]
        for number, name in enumerate(names):
            await publish(name, PRIORITIES[number % 3])
        done: list[str] = []

        async def work(end: Bus) -> None:
            source = await end.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
            while len(done) < len(names):
                delivery = await source.next(SHORT_S)
                if delivery is not None:
                    assert delivery.attempt == 1
                    done.append(delivery.payload.decode())
                    await delivery.ack()

        await asyncio.gather(work(bus), work(other))
        assert sorted(done) == sorted(names)

    async def test_several_workers_ask_one_source(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        waiting = [asyncio.ensure_future(take(source)) for _ in range(4)]
        for number in range(4):
            await publish(f"{number}")
        deliveries = await asyncio.gather(*waiting)
        assert sorted(delivery.payload for delivery in deliveries) == [b"0", b"1", b"2", b"3"]

    async def test_a_source_takes_no_more_than_it_returns(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        await publish("first")
        await publish("second")
        assert (await take(await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S))).payload == b"first"
        delivery = await take(await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S))
        assert delivery.payload == b"second"
        assert delivery.attempt == 1

    async def test_a_cancelled_wait_costs_no_task(
        self, bus: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        names = [f"{number}" for number in range(40)]
        for name in names:
            await publish(name)
        seen: list[str] = []
        for round_number in range(4000):
            waiting = asyncio.ensure_future(source.next(SOON_S))
            for _ in range(round_number % 40):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            if waiting.cancelled():
                continue
            delivery = waiting.result()
            assert delivery is not None
            assert delivery.attempt == 1
            seen.append(delivery.payload.decode())
            await delivery.ack()
            if len(seen) == len(names):
                break
        while len(seen) < len(names):
            delivery = await take(source)
            seen.append(delivery.payload.decode())
            await delivery.ack()
        assert sorted(seen) == sorted(names)

    async def test_a_closed_source_ends_its_waits_and_keeps_the_queue(
        self, bus: Bus, other: Bus, service: str, publish: Callable[..., Awaitable[bool]]
    ) -> None:
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        waiting = asyncio.ensure_future(source.next(SOON_S))
        assert await (await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)).next(SHORT_S) is None
        await source.close()
        assert await asyncio.wait_for(waiting, 1.0) is None
        await publish("kept")
        assert (await take(await other.tasks(service, ack_wait_s=LONG_ACK_WAIT_S))).payload == b"kept"

    # Dead letters

    async def test_a_dead_letter_is_kept_once(self, bus: Bus, other: Bus, service: str) -> None:
        letters = [
            DeadLetter(
                subject=f"reelscope.task.{service}.low",
                problem=Problem(code="media_unreadable", reason="no frames"),
                attempts=4,
                payload=b"task",
                message_id=f"{service}.{number}",
            )
            for number in range(3)
        ]
        for letter in letters:
            await bus.publish_dead_letter(letter)
            await other.publish_dead_letter(letter)
        kept = [letter async for letter in other.dead_letters() if letter.message_id.startswith(service)]
        assert kept == letters

    # Events

    async def test_events_are_replayed_and_then_live(self, bus: Bus, other: Bus, job: str) -> None:
        for number in range(150):
            await bus.publish_event(job, "vision", b"%d" % number, message_id=f"{job}.{number}", headers={"a": f"{number}"})
        async with aclosing(other.events(job)) as events:
            seen: list[Event] = [await first(events) for _ in range(150)]
            waiting = asyncio.ensure_future(first(events))
            await bus.publish_event(job, "audio", b"live", message_id=f"{job}.live")
            live = await waiting
        assert [event.payload for event in seen] == [b"%d" % number for number in range(150)]
        assert [event.headers for event in seen] == [{"a": f"{number}"} for number in range(150)]
        assert {event.subject for event in seen} == {f"reelscope.event.{job}.vision"}
        assert live.payload == b"live"
        assert live.subject == f"reelscope.event.{job}.audio"
        sequences = [event.sequence for event in [*seen, live]]
        assert sequences == sorted(set(sequences))

    async def test_a_reader_resumes_after_a_sequence(self, bus: Bus, job: str) -> None:
        for number in range(5):
            await bus.publish_event(job, "vision", b"%d" % number, message_id=f"{job}.{number}")
        async with aclosing(bus.events(job)) as events:
            third = [await first(events) for _ in range(3)][-1]
        async with aclosing(bus.events(job, after_sequence=third.sequence)) as events:
            assert [(await first(events)).payload for _ in range(2)] == [b"3", b"4"]

    async def test_readers_are_independent_and_jobs_apart(self, bus: Bus, other: Bus, job: str) -> None:
        await bus.publish_event(f"{job}-b", "vision", b"b", message_id=f"{job}-b.1")
        await bus.publish_event(job, "vision", b"a", message_id=f"{job}.1")
        for end in (bus, other):
            async with aclosing(end.events(job)) as events:
                assert (await first(events)).payload == b"a"
                waiting = asyncio.ensure_future(anext(events))
                assert not (await asyncio.wait([waiting], timeout=SHORT_S))[0]
                waiting.cancel()
                await asyncio.wait([waiting])

    async def test_the_same_event_is_kept_once(self, bus: Bus, other: Bus, job: str) -> None:
        for end in (bus, other, bus):
            await end.publish_event(job, "vision", b"same", message_id=f"{job}.same")
        await bus.publish_event(job, "vision", b"next", message_id=f"{job}.next")
        async with aclosing(bus.events(job)) as events:
            assert [(await first(events)).payload for _ in range(2)] == [b"same", b"next"]

    # Records

    @pytest.fixture(params=["jobs", "results"])
    def bucket(self, bus: Bus, request: pytest.FixtureRequest) -> Bucket:
        return bus.jobs if request.param == "jobs" else bus.results

    async def test_a_record_is_changed_by_its_revision_only(self, bucket: Bucket, job: str) -> None:
        assert await bucket.get(job) is None
        created = await bucket.create(job, b"1")
        with pytest.raises(ConflictError):
            await bucket.create(job, b"other")
        assert await bucket.get(job) == Record(job, b"1", created)
        updated = await bucket.update(job, b"2", created)
        assert updated > created
        with pytest.raises(ConflictError):
            await bucket.update(job, b"3", created)
        assert await bucket.get(job) == Record(job, b"2", updated)
        put = await bucket.put(job, b"")
        assert await bucket.get(job) == Record(job, b"", put)

    async def test_a_deleted_record_can_be_created_again(self, bucket: Bucket, job: str) -> None:
        await bucket.delete(job)
        revision = await bucket.create(job, b"1")
        await bucket.delete(job)
        assert await bucket.get(job) is None
        assert job not in await bucket.keys()
        with pytest.raises(ConflictError):
            await bucket.update(job, b"2", revision)
        assert await bucket.create(job, b"3") > revision
        assert job in await bucket.keys()

    async def test_any_text_is_a_key(self, bucket: Bucket, job: str) -> None:
        odd = [f"{job}{end}" for end in ("", " x", ".", "..a", ".a.", "*", ">", "=41", "/é\n", ".b")]
        for number, key in enumerate(odd):
            await bucket.create(key, b"%d" % number)
        assert [key for key in await bucket.keys() if key.startswith(job)] == sorted(odd)
        for number, key in enumerate(odd):
            record = await bucket.get(key)
            assert record is not None
            assert (record.key, record.value) == (key, b"%d" % number)
        with pytest.raises(InvalidRequestError):
            await bucket.put("", b"x")

    async def test_concurrent_changes_lose_nothing(self, bus: Bus, other: Bus, job: str) -> None:
        await bus.jobs.create(job, b"0")
        conflicts = 0

        async def count(bucket: Bucket) -> None:
            nonlocal conflicts
            done = 0
            while done < 20:
                record = await bucket.get(job)
                assert record is not None
                assert record.value is not None
                try:
                    await bucket.update(job, b"%d" % (int(record.value) + 1), record.revision)
                except ConflictError:
                    conflicts += 1
                else:
                    done += 1

        await asyncio.gather(*(count(end.jobs) for end in (bus, other, bus, other, bus)))
        record = await bus.jobs.get(job)
        assert record is not None
        assert record.value == b"100"

    async def test_a_watch_shows_the_record_and_its_changes(self, bus: Bus, other: Bus, job: str) -> None:
        revision = await bus.jobs.create(job, b"1")
        await bus.jobs.put(f"{job}.x", b"another")
        async with aclosing(other.jobs.watch(job)) as records:
            assert await first(records) == Record(job, b"1", revision)
            revision = await bus.jobs.update(job, b"2", revision)
            assert await first(records) == Record(job, b"2", revision)
            await bus.jobs.delete(job)
            gone = await first(records)
            assert gone.value is None
            assert gone.revision > revision
            revision = await bus.jobs.create(job, b"3")
            assert await first(records) == Record(job, b"3", revision)

    async def test_a_watch_waits_for_a_record(self, bus: Bus, other: Bus, job: str) -> None:
        await bus.jobs.create(job, b"0")
        await bus.jobs.delete(job)
        async with aclosing(other.jobs.watch(job)) as records:
            waiting = asyncio.ensure_future(anext(records))
            assert not (await asyncio.wait([waiting], timeout=SHORT_S))[0]
            revision = await bus.jobs.create(job, b"1")
            assert await asyncio.wait_for(waiting, SOON_S) == Record(job, b"1", revision)

    async def test_what_is_too_large_is_refused_and_nothing_breaks(self, bus: Bus, service: str, job: str) -> None:
        large = bytes(TOO_LARGE_BYTES)
        with pytest.raises(InvalidRequestError, match="object store"):
            await bus.jobs.create(job, large)
        with pytest.raises(InvalidRequestError, match="object store"):
            await bus.results.put(job, large)
        with pytest.raises(InvalidRequestError, match="object store"):
            await bus.publish_task(service, "high", large, message_id=service)
        with pytest.raises(InvalidRequestError, match="object store"):
            await bus.publish_event(job, service, large, message_id=job)
        await bus.jobs.create(job, bytes(7 * 2**20))
        record = await bus.jobs.get(job)
        assert record is not None
        assert record.value == bytes(7 * 2**20)

    # Objects

    async def test_large_objects_go_in_and_out(self, bus: Bus, other: Bus, job: str, tmp_path: Path) -> None:
        content = os.urandom(LARGE_BYTES)
        source, target = tmp_path / "in", tmp_path / "out"
        source.write_bytes(content)
        await bus.media.put(job, source)
        assert await other.media.exists(job)
        await other.media.get_to(job, target)
        assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(content).digest()
        await bus.objects.put(job, content)
        assert await other.objects.get(job) == content
        assert files_in(tmp_path) == ["in", "out"]

    async def test_an_object_is_replaced_and_deleted(self, bus: Bus, job: str, tmp_path: Path) -> None:
        key = f"{job}/ü.json"
        assert not await bus.objects.exists(key)
        await bus.objects.delete(key)
        with pytest.raises(NotFoundError):
            await bus.objects.get(key)
        with pytest.raises(NotFoundError):
            await bus.objects.get_to(key, tmp_path / "x")
        assert not files_in(tmp_path)
        for content in (b"one", b"", b"three"):
            await bus.objects.put(key, content)
            assert await bus.objects.get(key) == content
        assert not await bus.media.exists(key)
        await bus.objects.delete(key)
        assert not await bus.objects.exists(key)
        with pytest.raises(NotFoundError):
            await bus.objects.get(key)
        await bus.objects.put(key, b"again")
        assert await bus.objects.get(key) == b"again"

    # Cancels and announcements

    async def test_a_cancel_reaches_everybody(self, bus: Bus, other: Bus, job: str) -> None:
        listeners = [bus.cancels(), other.cancels(), other.cancels()]
        await bus.publish_cancel(job)
        assert [await first(listener) for listener in listeners] == [job] * 3
        for listener in listeners:
            await listener.aclose()

    async def test_an_announcement_lasts_a_while(self, bus: Bus, other: Bus, service: str) -> None:
        await bus.announce(service, b"1")
        await bus.announce(service, b"2")
        assert (await other.announcements())[service] == b"2"
        deadline = time.monotonic() + SOON_S
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        while service in await other.announcements():
            assert time.monotonic() < deadline
            await source.next(0.1)

    # Names and the end

    async def test_names_that_cannot_stand_in_a_subject_are_refused(self, bus: Bus) -> None:
        for bad in ("", "a.b", "a b", "*", ">", "ü"):
            with pytest.raises(InvalidRequestError):
                await bus.publish_task(bad, "high", b"", message_id="1")
            with pytest.raises(InvalidRequestError):
                await bus.tasks(bad, ack_wait_s=1)
            with pytest.raises(InvalidRequestError):
                await bus.publish_event(bad, "vision", b"", message_id="1")
            with pytest.raises(InvalidRequestError):
                await bus.publish_cancel(bad)
            with pytest.raises(InvalidRequestError):
                await first(bus.events(bad))
            with pytest.raises(InvalidRequestError):
                await bus.publish_dead_letter(DeadLetter(subject=f"reelscope.task.{bad}.high"))

    async def test_closing_ends_everything_that_waits(self, connect: Connect, service: str, job: str) -> None:
        bus = await connect()
        assert bus.connected
        await bus.jobs.put(job, b"")
        source = await bus.tasks(service, ack_wait_s=LONG_ACK_WAIT_S)
        watch = bus.jobs.watch(job)
        await first(watch)
        waiting = [
            asyncio.ensure_future(source.next(SOON_S)),
            asyncio.ensure_future(anext(bus.events(job), None)),
            asyncio.ensure_future(anext(watch, None)),
            asyncio.ensure_future(anext(bus.cancels(), None)),
        ]
        assert not (await asyncio.wait(waiting, timeout=SHORT_S))[0]
        await bus.close()
        assert await asyncio.wait_for(asyncio.gather(*waiting), SOON_S) == [None] * 4
        assert not bus.connected
        with pytest.raises(UnavailableError):
            await bus.publish_task(service, "high", b"", message_id=service)
        with pytest.raises(UnavailableError):
            await bus.jobs.get(job)
        await bus.close()
