"""The in-memory bus's buckets and object stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

from reelscope_runtime.bus import names
from reelscope_runtime.bus.base import Bucket, ObjectStore, Record
from reelscope_runtime.bus.memory_clock import Bell, Clock
from reelscope_runtime.errors import ConflictError, InvalidRequestError, MediaTooLargeError, NotFoundError

MAX_PAYLOAD_BYTES = 8 * 2**20
"""As the servers of this project are configured."""


def check_size(what: str, payload: bytes) -> None:
    """Refuses what NATS would.

    Raises:
        InvalidRequestError: It is too large for one message.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise InvalidRequestError(
            f"{what}: {len(payload)} bytes are more than {MAX_PAYLOAD_BYTES}; put large values into the object store"
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes | None
    revision: int
    written: float


class MemoryBucket(Bucket):
    """One bucket. `ttl_s` None keeps records for ever."""

    def __init__(self, name: str, clock: Clock, ttl_s: float | None = None) -> None:
        self._name = name
        self._clock = clock
        self._ttl_s = ttl_s
        self._entries: dict[str, _Entry] = {}
        self._revision = 0
        self.bell = Bell()

    async def get(self, key: str) -> Record | None:
        """See the base."""
        entry = self._entry(key)
        if entry is None or entry.value is None:
            return None
        return Record(key, entry.value, entry.revision)

    async def create(self, key: str, value: bytes) -> int:
        """See the base."""
        entry = self._entry(key)
        if entry is not None and entry.value is not None:
            raise ConflictError(f"{self._name}/{key} exists")
        return self._write(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """See the base."""
        entry = self._entry(key)
        if (entry.revision if entry else 0) != revision:
            raise ConflictError(
                f"{self._name}/{key} is not at revision {revision} any more: read it again and repeat the change"
            )
        return self._write(key, value)

    async def put(self, key: str, value: bytes) -> int:
        """See the base."""
        return self._write(key, value)

    async def delete(self, key: str) -> None:
        """See the base."""
        self._write(key, None)

    async def keys(self) -> list[str]:
        """See the base."""
        return sorted(await self.items())

    async def items(self) -> dict[str, bytes]:
        """All records at once."""
        entries = ((key, self._entry(key)) for key in tuple(self._entries))
        return {key: entry.value for key, entry in entries if entry is not None and entry.value is not None}

    async def watch(self, key: str) -> AsyncGenerator[Record]:
        """Changes that follow one another fast may show as the last of them."""
        async for record in self.watch_until(key, lambda: False):
            yield record

    async def watch_until(self, key: str, is_over: Callable[[], bool]) -> AsyncGenerator[Record]:
        """As `watch`; ends when `is_over` at a ring of the bell."""
        names.escape_key(key)
        seen = 0
        first = self._entry(key)
        if first is not None and first.value is None:
            seen = first.revision
        while not is_over():
            rung = self.bell.next()
            entry = self._entry(key)
            if entry is not None and entry.revision > seen:
                seen = entry.revision
                yield Record(key, entry.value, entry.revision)
                continue
            await self._clock.wait(rung, None)

    def _entry(self, key: str) -> _Entry | None:
        names.escape_key(key)
        entry = self._entries.get(key)
        if entry is not None and self._ttl_s is not None and self._clock.now() - entry.written >= self._ttl_s:
            del self._entries[key]
            return None
        return entry

    def _write(self, key: str, value: bytes | None) -> int:
        names.escape_key(key)
        check_size(f"writing {self._name}/{key}", value or b"")
        self._revision += 1
        self._entries[key] = _Entry(value, self._revision, self._clock.now())
        self.bell.ring()
        return self._revision


class MemoryObjectStore(ObjectStore):
    """One object store."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._objects: dict[str, bytes] = {}

    async def put(self, key: str, content: bytes | Path) -> None:
        """See the base."""
        self._objects[key] = await asyncio.to_thread(content.read_bytes) if isinstance(content, Path) else content

    async def get(self, key: str) -> bytes:
        """See the base."""
        if key not in self._objects:
            raise NotFoundError(f"no object {key!r} in {self._name}")
        return self._objects[key]

    async def get_to(self, key: str, path: Path, *, max_bytes: int | None = None) -> None:
        """See the base."""
        content = await self.get(key)
        if max_bytes is not None and len(content) > max_bytes:
            raise MediaTooLargeError(f"object {key!r} in {self._name} has {len(content)} bytes, more than {max_bytes}")
        await asyncio.to_thread(path.write_bytes, content)

    async def exists(self, key: str) -> bool:
        """See the base."""
        return key in self._objects

    async def delete(self, key: str) -> None:
        """See the base."""
        self._objects.pop(key, None)
