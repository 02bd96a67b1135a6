"""What every bus does, whatever carries it. A subclass says how to connect; it inherits the tests."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from contextlib import aclosing
from pathlib import Path

import pytest
from contract.bus_kit import (
    LARGE_BYTES,
    LONG_ACK_WAIT_S,
    SHORT_S,
    SOON_S,
    TOO_LARGE_BYTES,
    Connect,
    files_in,
    first,
)
from contract.task_conformance import TaskConformance

from reelscope.analysis.v1.analysis_pb2 import DeadLetter, Problem
from reelscope_runtime.bus.base import Bucket, Bus, Event, Record
from reelscope_runtime.errors import ConflictError, InvalidRequestError, MediaTooLargeError, NotFoundError, UnavailableError


class BusConformance(TaskConformance):
    """The tests."""

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
        with pytest.raises(MediaTooLargeError):
            await other.media.get_to(job, target, max_bytes=LARGE_BYTES - 1)
        assert files_in(tmp_path) == ["in"]
        await other.media.get_to(job, target, max_bytes=LARGE_BYTES)
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
