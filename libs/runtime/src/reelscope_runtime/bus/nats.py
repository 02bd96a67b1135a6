"""The bus over NATS JetStream.

Everything that it promises holds over a server that is killed and comes back with its store: operations wait for it and are
tried again, readers resume after what they have seen, and unfinished tasks are delivered again. What is tried again carries an
id by which the server knows it: tasks, events, chunks and dead letters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from weakref import WeakSet

from nats.aio.msg import Msg
from nats.js.api import Header

from reelscope.analysis.v1.analysis_pb2 import DeadLetter
from reelscope_runtime.bus import names, nats_streams
from reelscope_runtime.bus.base import Bus, Event, Priority, TaskSource
from reelscope_runtime.bus.nats_connection import OPERATION_TIMEOUT_S, Connection
from reelscope_runtime.bus.nats_kv import NatsBucket
from reelscope_runtime.bus.nats_objects import NatsObjectStore
from reelscope_runtime.bus.nats_reader import read
from reelscope_runtime.bus.nats_tasks import NatsTaskSource, own_headers
from reelscope_runtime.settings import NatsSettings


async def connect(
    settings: NatsSettings,
    *,
    announcement_ttl_s: float = names.ANNOUNCEMENT_TTL_S,
    operation_timeout_s: float = OPERATION_TIMEOUT_S,
) -> Bus:
    """Connects and declares every stream and bucket. Any number of processes may do so at the same time.

    Args:
        settings: Where the server is, and how long things are kept.
        announcement_ttl_s: A service that was silent for so long is forgotten.
        operation_timeout_s: How long an operation is tried over an outage.

    Raises:
        UnavailableError: No server, or no JetStream, answered within `settings.connect_timeout_s`.
        InvalidRequestError: The server can't give what the settings ask for.
    """
    connection = Connection(settings, operation_timeout_s)
    await connection.open()
    bus = NatsBus(connection, announcement_ttl_s)
    try:
        await bus.open()
    except BaseException:
        await connection.close()
        raise
    return bus


class NatsBus(Bus):
    """One process's end of the bus; `connect` makes it."""

    def __init__(self, connection: Connection, announcement_ttl_s: float) -> None:
        self._connection = connection
        self._announcement_ttl_s = announcement_ttl_s
        self.jobs = NatsBucket(connection, names.JOBS)
        self.results = NatsBucket(connection, names.RESULTS)
        self.objects = NatsObjectStore(connection, names.OBJECTS)
        self.media = NatsObjectStore(connection, names.MEDIA)
        self._services = NatsBucket(connection, names.SERVICES)
        self._sources: WeakSet[NatsTaskSource] = WeakSet()
        self._cancel_listeners: WeakSet[asyncio.Queue[str | None]] = WeakSet()

    async def open(self) -> None:
        """Listens to cancels, and declares what the bus keeps. In this order: once the server has answered the declaration, it
        knows the subscription."""
        await self._connection.client.subscribe(names.CANCEL_SUBJECT, cb=self._cancelled)
        await self._declare(self._connection.settings.connect_timeout_s)
        self._connection.on_reconnect = self._declare

    async def publish_task(
        self,
        service: str,
        priority: Priority,
        payload: bytes,
        *,
        message_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> bool:
        """Stored when it returns. The id of a task that was finished is forgotten when the server restarts."""
        subject = names.task_subject(service, priority)
        ack = await self._connection.publish("queueing a task", subject, payload, _with_id(headers, message_id))
        await self._connection.tell(names.wake_subject(service))
        return not ack.duplicate

    async def tasks(self, service: str, *, ack_wait_s: float) -> TaskSource:
        """One source may be asked by several workers at the same time."""
        source = NatsTaskSource(self._connection, names.token("service", service), ack_wait_s)
        await source.open()
        self._sources.add(source)
        return source

    async def publish_dead_letter(self, letter: DeadLetter) -> None:
        """See the base."""
        subject = names.dead_subject(letter.subject)
        await self._connection.publish(
            "writing a dead letter", subject, letter.SerializeToString(), _with_id(None, letter.message_id)
        )

    async def dead_letters(self) -> AsyncGenerator[DeadLetter]:
        """See the base."""
        async with aclosing(read(self._connection, names.DEAD, "reelscope.dead.>", until_end=True)) as messages:
            async for msg in messages:
                yield DeadLetter.FromString(msg.data)

    async def publish_event(
        self,
        job_id: str,
        service: str,
        payload: bytes,
        *,
        message_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Stored when it returns."""
        subject = names.event_subject(job_id, service)
        await self._connection.publish("publishing an event", subject, payload, _with_id(headers, message_id))

    async def events(self, job_id: str, *, after_sequence: int = 0) -> AsyncGenerator[Event]:
        """Ends by itself only when the bus is closed."""
        subject = names.job_events_subject(job_id)
        async with aclosing(read(self._connection, names.EVENTS, subject, after=after_sequence)) as messages:
            async for msg in messages:
                yield Event(msg.metadata.sequence.stream, msg.subject, msg.data, own_headers(msg.headers))

    async def publish_cancel(self, job_id: str) -> None:
        """Nobody hears it during an outage."""
        await self._connection.tell(names.CANCEL_SUBJECT, names.token("job id", job_id).encode())

    def cancels(self) -> AsyncGenerator[str]:
        """From the call on, not only from the first step of the iteration."""
        heard: asyncio.Queue[str | None] = asyncio.Queue()
        self._cancel_listeners.add(heard)

        async def listen() -> AsyncGenerator[str]:
            while (job_id := await heard.get()) is not None:
                yield job_id

        return listen()

    async def announce(self, service: str, payload: bytes) -> None:
        """See the base."""
        await self._services.put(names.token("service", service), payload)

    async def announcements(self) -> dict[str, bytes]:
        """See the base."""
        return await self._services.items()

    @property
    def connected(self) -> bool:
        """Whether the server answers now."""
        return self._connection.connected

    async def close(self) -> None:
        """Closes its task sources and iterators as well."""
        for source in tuple(self._sources):
            await source.close()
        await self._connection.close()
        for heard in tuple(self._cancel_listeners):
            heard.put_nowait(None)

    async def _declare(self, timeout_s: float | None = None) -> None:
        settings = self._connection.settings
        wanted = nats_streams.configs(
            replicas=settings.replicas,
            events_max_age_s=settings.events_max_age_s,
            jobs_ttl_s=settings.jobs_ttl_s,
            results_ttl_s=settings.results_ttl_s,
            announcement_ttl_s=self._announcement_ttl_s,
        )
        await nats_streams.declare(self._connection, wanted, timeout_s)

    async def _cancelled(self, msg: Msg) -> None:
        for heard in tuple(self._cancel_listeners):
            heard.put_nowait(msg.data.decode())


def _with_id(headers: Mapping[str, str] | None, message_id: str) -> dict[str, str]:
    return {**(headers or {}), Header.MSG_ID.value: message_id}
