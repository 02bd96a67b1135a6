"""The bus without a server: the double for unit tests, with the semantics of the real one (the conformance suite holds it to
them).

`MemoryBus()` is a whole bus; `bus.peer()` is another process's end of the same one. With a `ManualClock` a test moves the time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from weakref import WeakSet

from reelscope.analysis.v1.analysis_pb2 import DeadLetter
from reelscope_runtime.bus import names
from reelscope_runtime.bus.base import Bucket, Bus, Event, Priority, Record, TaskSource
from reelscope_runtime.bus.memory_clock import Bell, Clock, ManualClock, RealClock
from reelscope_runtime.bus.memory_records import MemoryBucket, MemoryObjectStore, check_size
from reelscope_runtime.bus.memory_tasks import MemoryTaskSource, Queue
from reelscope_runtime.errors import UnavailableError

__all__ = ["ManualClock", "MemoryBus"]


class _RecentIds:
    """Message ids of the duplicate window."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}

    def add(self, message_id: str) -> bool:
        """False where it was there."""
        now = self._clock.now()
        if message_id in self._seen and now - self._seen[message_id] < names.DUPLICATE_WINDOW_S:
            return False
        self._seen[message_id] = now
        return True


class _Broker:
    """What the ends of one bus share."""

    def __init__(self, clock: Clock, announcement_ttl_s: float) -> None:
        self.clock = clock
        self.queue = Queue(clock)
        self.task_ids, self.event_ids, self.dead_ids = _RecentIds(clock), _RecentIds(clock), _RecentIds(clock)
        self.events: list[Event] = []
        self.events_bell = Bell()
        self.dead: list[DeadLetter] = []
        self.jobs = MemoryBucket(names.JOBS, clock)
        self.results = MemoryBucket(names.RESULTS, clock)
        self.services = MemoryBucket(names.SERVICES, clock, announcement_ttl_s)
        self.objects = MemoryObjectStore(names.OBJECTS)
        self.media = MemoryObjectStore(names.MEDIA)
        self.cancel_listeners: WeakSet[asyncio.Queue[str | None]] = WeakSet()


class _OpenBucket(Bucket):
    """A bucket as one end of the bus has it: nothing works, and watches end, once that end is closed."""

    def __init__(self, bus: MemoryBus, bucket: MemoryBucket) -> None:
        self._bus = bus
        self._bucket = bucket

    async def get(self, key: str) -> Record | None:
        self._bus.check_open()
        return await self._bucket.get(key)

    async def create(self, key: str, value: bytes) -> int:
        self._bus.check_open()
        return await self._bucket.create(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        self._bus.check_open()
        return await self._bucket.update(key, value, revision)

    async def put(self, key: str, value: bytes) -> int:
        self._bus.check_open()
        return await self._bucket.put(key, value)

    async def delete(self, key: str) -> None:
        self._bus.check_open()
        await self._bucket.delete(key)

    async def keys(self) -> list[str]:
        self._bus.check_open()
        return await self._bucket.keys()

    def watch(self, key: str) -> AsyncGenerator[Record]:
        return self._bucket.watch_until(key, lambda: not self._bus.connected)


class MemoryBus(Bus):
    """One end of a bus that lives in this process."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        announcement_ttl_s: float = names.ANNOUNCEMENT_TTL_S,
        _broker: _Broker | None = None,
    ) -> None:
        self._broker = _broker or _Broker(clock or RealClock(), announcement_ttl_s)
        self._closed = False
        self._sources: list[TaskSource] = []
        self._listeners: WeakSet[asyncio.Queue[str | None]] = WeakSet()
        self.jobs = _OpenBucket(self, self._broker.jobs)
        self.results = _OpenBucket(self, self._broker.results)
        self.objects = self._broker.objects
        self.media = self._broker.media

    def peer(self) -> MemoryBus:
        """Another end of the same bus."""
        return MemoryBus(_broker=self._broker)

    def check_open(self) -> None:
        """Every operation's first step.

        Raises:
            UnavailableError: This end was closed.
        """
        if self._closed:
            raise UnavailableError("the bus is closed")

    async def publish_task(
        self,
        service: str,
        priority: Priority,
        payload: bytes,
        *,
        message_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> bool:
        """See the base."""
        self.check_open()
        names.task_subject(service, priority)
        check_size("queueing a task", payload)
        if not self._broker.task_ids.add(message_id):
            return False
        self._broker.queue.add(service, priority, payload, dict(headers or {}), message_id)
        return True

    async def tasks(self, service: str, *, ack_wait_s: float) -> TaskSource:
        """See the base."""
        self.check_open()
        source = MemoryTaskSource(self._broker.queue, names.token("service", service), ack_wait_s)
        self._sources.append(source)
        return source

    async def publish_dead_letter(self, letter: DeadLetter) -> None:
        """See the base."""
        self.check_open()
        names.dead_subject(letter.subject)
        if self._broker.dead_ids.add(letter.message_id):
            copy = DeadLetter()
            copy.CopyFrom(letter)
            self._broker.dead.append(copy)

    async def dead_letters(self) -> AsyncGenerator[DeadLetter]:
        """See the base."""
        self.check_open()
        for letter in tuple(self._broker.dead):
            yield letter

    async def publish_event(
        self,
        job_id: str,
        service: str,
        payload: bytes,
        *,
        message_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """See the base."""
        self.check_open()
        subject = names.event_subject(job_id, service)
        check_size("publishing an event", payload)
        if self._broker.event_ids.add(message_id):
            events = self._broker.events
            events.append(Event(len(events) + 1, subject, payload, dict(headers or {})))
            self._broker.events_bell.ring()

    async def events(self, job_id: str, *, after_sequence: int = 0) -> AsyncGenerator[Event]:
        """See the base."""
        prefix = names.job_events_subject(job_id).removesuffix(">")
        position = after_sequence
        while not self._closed:
            rung = self._broker.events_bell.next()
            while position < len(self._broker.events) and not self._closed:
                event = self._broker.events[position]
                position += 1
                if event.subject.startswith(prefix):
                    yield event
            if not self._closed:
                await self._broker.clock.wait(rung, None)

    async def publish_cancel(self, job_id: str) -> None:
        """See the base."""
        names.token("job id", job_id)
        if not self._closed:
            for heard in tuple(self._broker.cancel_listeners):
                heard.put_nowait(job_id)

    def cancels(self) -> AsyncGenerator[str]:
        """From the call on, not only from the first step of the iteration."""
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._broker.cancel_listeners.add(heard)
        self._listeners.add(heard)

        async def listen() -> AsyncGenerator[str]:
            while (job_id := await heard.get()) is not None:
                yield job_id

        return listen()

    async def announce(self, service: str, payload: bytes) -> None:
        """See the base."""
        self.check_open()
        await self._broker.services.put(names.token("service", service), payload)

    async def announcements(self) -> dict[str, bytes]:
        """See the base."""
        self.check_open()
        return await self._broker.services.items()

    @property
    def connected(self) -> bool:
        """Until it is closed."""
        return not self._closed

    async def close(self) -> None:
        """Closes this end; its peers go on."""
        self._closed = True
        for source in self._sources:
            await source.close()
        for heard in tuple(self._listeners):
            heard.put_nowait(None)
        for bell in (self._broker.events_bell, self._broker.jobs.bell, self._broker.results.bell):
            bell.ring()
