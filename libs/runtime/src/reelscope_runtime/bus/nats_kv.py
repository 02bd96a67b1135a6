"""Key-value buckets of JetStream, in the layout of NATS's own clients (`nats kv` can read them)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import nats.js.errors as js_errors
from nats.aio.msg import Msg
from nats.js.api import Header, RawStreamMsg

from reelscope_runtime.bus import names
from reelscope_runtime.bus.base import Bucket, Record
from reelscope_runtime.bus.nats_connection import REQUEST_TIMEOUT_S, Connection
from reelscope_runtime.bus.nats_reader import read
from reelscope_runtime.errors import ConflictError

_OPERATION = "KV-Operation"
_DELETED = frozenset({"DEL", "PURGE"})
_MARKER = "Nats-Marker-Reason"
"""On what the server itself leaves in place of an expired record."""
_WRONG_LAST = frozenset({10071, 10164})
"""Error codes of JetStream: the record's revision is not the expected one."""


def _is_deleted(headers: dict[str, str] | None) -> bool:
    return headers is not None and (headers.get(_OPERATION) in _DELETED or _MARKER in headers)


class NatsBucket(Bucket):
    """One bucket.

    A write that names a revision and whose confirmation was lost with the connection is tried again; when the server then says
    that the revision is another one, it may be the write's own. Each write carries an id, so that it recognises itself. (Where
    somebody else wrote over it in between, it can't, and reports a conflict.)
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    async def get(self, key: str) -> Record | None:
        """The record as the stream's leader has it; a follower's may be older."""
        found = await self._last(key)
        if found is None or _is_deleted(found.headers):
            return None
        return Record(key, found.data or b"", int(found.seq or 0))

    async def create(self, key: str, value: bytes) -> int:
        """A deleted key can be created again."""
        try:
            return await self._write(key, value, expected=0)
        except ConflictError:
            last = await self._last(key)
            if last is None or not _is_deleted(last.headers):
                raise
            return await self._write(key, value, expected=int(last.seq or 0))

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """See the base."""
        return await self._write(key, value, expected=revision)

    async def put(self, key: str, value: bytes) -> int:
        """See the base."""
        ack = await self._connection.publish(f"writing {self._name}/{key}", self._subject(key), value, {})
        return int(ack.seq)

    async def delete(self, key: str) -> None:
        """Leaves a mark that watchers see; it goes with the bucket's time to live."""
        await self._connection.publish(f"deleting {self._name}/{key}", self._subject(key), b"", {_OPERATION: "DEL"})

    async def keys(self) -> list[str]:
        """Those of records that are not deleted."""
        found: set[str] = set()
        async with aclosing(self._read(">", latest_only=True, headers_only=True, until_end=True)) as messages:
            async for msg in messages:
                key = self._key(msg)
                if _is_deleted(msg.headers):
                    found.discard(key)
                else:
                    found.add(key)
        return sorted(found)

    async def items(self) -> dict[str, bytes]:
        """All records at once."""
        found: dict[str, bytes] = {}
        async with aclosing(self._read(">", latest_only=True, headers_only=False, until_end=True)) as messages:
            async for msg in messages:
                key = self._key(msg)
                found.pop(key, None)
                if not _is_deleted(msg.headers):
                    found[key] = msg.data
        return found

    async def watch(self, key: str) -> AsyncGenerator[Record]:
        """Changes that follow one another fast, or during an outage, may show as the last of them."""
        is_first = True
        async with aclosing(
            self._read(names.escape_key(key), latest_only=True, headers_only=False, until_end=False)
        ) as messages:
            async for msg in messages:
                is_deleted = _is_deleted(msg.headers)
                if not (is_first and is_deleted):
                    yield Record(key, None if is_deleted else msg.data, msg.metadata.sequence.stream)
                is_first = False

    def _subject(self, key: str) -> str:
        return self._prefix + names.escape_key(key)

    def _key(self, msg: Msg) -> str:
        return names.unescape_key(msg.subject.removeprefix(self._prefix))

    def _read(self, keys: str, *, latest_only: bool, headers_only: bool, until_end: bool) -> AsyncGenerator[Msg]:
        return read(
            self._connection,
            self._stream,
            self._prefix + keys,
            latest_only=latest_only,
            headers_only=headers_only,
            until_end=until_end,
        )

    async def _last(self, key: str) -> RawStreamMsg | None:
        subject = self._subject(key)
        # Any replica answers a direct get, and a follower may be behind. With one replica it is the leader, and no base64.
        is_direct = self._connection.settings.replicas == 1

        async def ask() -> RawStreamMsg | None:
            try:
                return await self._connection.js.get_last_msg(self._stream, subject, direct=is_direct)
            except js_errors.NotFoundError:
                return None

        return await self._connection.attempt(f"reading {self._name}/{key}", ask)

    async def _write(self, key: str, value: bytes, *, expected: int) -> int:
        what = f"writing {self._name}/{key}"
        own_id = self._connection.new_id()
        headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(expected), Header.MSG_ID.value: own_id}
        self._connection.check_size(what, value, headers)

        async def attempt() -> int | None:
            try:
                ack = await self._connection.js.publish(
                    self._subject(key), value, timeout=REQUEST_TIMEOUT_S, headers=dict(headers)
                )
            except js_errors.APIError as error:
                if error.err_code in _WRONG_LAST:
                    return None
                raise
            else:
                return int(ack.seq)

        revision = await self._connection.attempt(what, attempt)
        if revision is None:
            last = await self._last(key)
            if last is not None and (last.headers or {}).get(Header.MSG_ID.value) == own_id:
                return int(last.seq or 0)
            raise ConflictError(
                f"{self._name}/{key} is not at revision {expected} any more: read it again and repeat the change"
                if expected
                else f"{self._name}/{key} exists"
            )
        return revision
