"""The bus as the rest of the system sees it: tasks, events, records and objects.

`nats.py` speaks to a real server; `memory.py` is the double for unit tests. `tests/contract/bus_conformance.py` holds both to
the same behaviour.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reelscope.analysis.v1.analysis_pb2 import DeadLetter

Priority = Literal["high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Record:
    """One value of a bucket, with the revision that a compare-and-set names. A deleted value has `value` None in a watch."""

    key: str
    value: bytes | None
    revision: int


@dataclass(frozen=True, slots=True)
class Event:
    """One message of the events stream. `sequence` grows along the stream and is where a reader resumes."""

    sequence: int
    subject: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Delivery(ABC):
    """A task in hand. Exactly one of `ack`, `nak` and `term` ends it; until then `heartbeat` keeps it."""

    payload: bytes
    headers: Mapping[str, str]
    subject: str
    message_id: str
    attempt: int
    """1 for the first delivery."""
    priority: Priority

    @abstractmethod
    async def ack(self) -> None:
        """Done: the task leaves the queue."""

    @abstractmethod
    async def nak(self, delay_s: float = 0.0) -> None:
        """Give it back; it is delivered again after the delay."""

    @abstractmethod
    async def term(self) -> None:
        """Never deliver it again (a dead letter was written)."""

    @abstractmethod
    async def heartbeat(self) -> None:
        """Still working: the ack-wait starts anew."""


class TaskSource(ABC):
    """The tasks of one service, in the order of their priorities."""

    @abstractmethod
    async def next(self, timeout_s: float) -> Delivery | None:
        """The next task: high before normal before low; of every 8 choices one starts from normal and one from low, so that
        neither ever starves.

        None when none came in time: one that comes back by itself, after an ack-wait or a delay, may be the next call's. Takes
        only as much as it returns: nothing is prefetched.
        """

    @abstractmethod
    async def close(self) -> None:
        """Stop asking. The durable consumers stay."""


class Bucket(ABC):
    """Key-value records, changed by compare-and-set. A key is any text but the empty one; a value fits into one message."""

    @abstractmethod
    async def get(self, key: str) -> Record | None:
        """The record as it is now, None where there is none."""

    @abstractmethod
    async def create(self, key: str, value: bytes) -> int:
        """Writes a new record; returns its revision. Raises ConflictError where the key exists."""

    @abstractmethod
    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replaces the record of that revision. Raises ConflictError where it changed since."""

    @abstractmethod
    async def put(self, key: str, value: bytes) -> int:
        """Writes whatever was there before. For records whose value is the same whoever writes it."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Removes the record. Nothing happens where there is none."""

    @abstractmethod
    async def keys(self) -> list[str]:
        """The keys of all records, in alphabetical order."""

    @abstractmethod
    def watch(self, key: str) -> AsyncGenerator[Record]:
        """The record now (if any) and after each change, until the caller closes the iterator (`aclose`). The last change is
        always seen; of several that follow one another fast, the earlier ones may not be."""


class ObjectStore(ABC):
    """Large values by key, in chunks, so that no size is too large."""

    @abstractmethod
    async def put(self, key: str, content: bytes | Path) -> None:
        """Stores bytes or a file's content, in place of what was there. Readers see it once it is complete."""

    @abstractmethod
    async def get(self, key: str) -> bytes:
        """Raises NotFoundError."""

    @abstractmethod
    async def get_to(self, key: str, path: Path, *, max_bytes: int | None = None) -> None:
        """Streams the object into a file. Raises NotFoundError, and MediaTooLargeError beyond `max_bytes`."""

    @abstractmethod
    async def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Removes the object. Nothing happens where there is none."""


class Bus(ABC):
    """Everything that processes say to one another. Lost connections are made again without the caller's help; what can't be
    reached within the operation's time raises UnavailableError.
    """

    jobs: Bucket
    results: Bucket
    objects: ObjectStore
    """Large results and documents."""
    media: ObjectStore
    """Clips, by sha256, for hosts that share no folder."""

    @abstractmethod
    async def publish_task(
        self,
        service: str,
        priority: Priority,
        payload: bytes,
        *,
        message_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> bool:
        """Queues a task; False where the same message id is already there (duplicate window). Subject
        `reelscope.task.<service>.<priority>`."""

    @abstractmethod
    async def tasks(self, service: str, *, ack_wait_s: float) -> TaskSource:
        """Opens (creating them if need be) the durable consumers of a service."""

    @abstractmethod
    async def publish_dead_letter(self, letter: DeadLetter) -> None:
        """Idempotent by the letter's message_id. Subject `reelscope.dead.<service>`."""

    @abstractmethod
    def dead_letters(self) -> AsyncGenerator[DeadLetter]:
        """All kept dead letters, oldest first; ends after the last."""

    @abstractmethod
    async def publish_event(
        self,
        job_id: str,
        service: str,
        payload: bytes,
        *,
        message_id: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Subject `reelscope.event.<job>.<service>`; the same message id twice leaves one event."""

    @abstractmethod
    def events(self, job_id: str, *, after_sequence: int = 0) -> AsyncGenerator[Event]:
        """The job's events from the beginning (or after a sequence), then live, without gaps over reconnects, until the
        caller closes the iterator (`aclose`)."""

    @abstractmethod
    async def publish_cancel(self, job_id: str) -> None:
        """Tells every worker, now; fire and forget (the job's record is the lasting word)."""

    @abstractmethod
    def cancels(self) -> AsyncGenerator[str]:
        """Job ids as they are cancelled, from now on."""

    @abstractmethod
    async def announce(self, service: str, payload: bytes) -> None:
        """Puts the service's ListAnalyzersResponse into the `services` bucket, so that the gateway knows who can do what. It is
        repeated by the service every few seconds and forgotten after 30 s without."""

    @abstractmethod
    async def announcements(self) -> dict[str, bytes]:
        """The latest announcement of every service that is alive."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the server answers just now."""

    @abstractmethod
    async def close(self) -> None:
        """Drains and disconnects."""
