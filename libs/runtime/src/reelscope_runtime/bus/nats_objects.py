"""JetStream's object store, in the layout of NATS's own clients (`nats object` can read it).

nats-py has one, and it is not used: its reader does not survive a server that goes away in the middle, its writer starts over,
and a read into memory copies everything again for each chunk. Here a chunk is a message like any other, tried again over an
outage, and an upload shows up only when it is complete.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import nats.js.errors as js_errors
from nats.js.api import Header, ObjectInfo, ObjectMetaOptions, RawStreamMsg

from reelscope_runtime.bus.base import ObjectStore
from reelscope_runtime.bus.nats_connection import Connection
from reelscope_runtime.bus.nats_reader import read
from reelscope_runtime.errors import InternalError, InvalidRequestError, MediaTooLargeError, NotFoundError

CHUNK_BYTES = 256 * 1024
"""Few round trips, and hashing one holds the event loop for well under a millisecond."""
READS = 3
"""Reads of an object that is replaced while it is read."""

_DIGEST = "SHA-256="


class NatsObjectStore(ObjectStore):
    """One store."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._stream = f"OBJ_{name}"

    async def put(self, key: str, content: bytes | Path) -> None:
        """Replaces what was there, in one step for the readers."""
        nuid = uuid.uuid4().hex
        try:
            with await asyncio.to_thread(_opened, content) as source:
                info = await self._upload(key, nuid, source)
        except BaseException:
            # Whatever ended it (a cancel, too): chunks that no object points to would stay for ever.
            self._connection.chore(self._purge(nuid))
            raise
        await self._show(key, info)

    async def get(self, key: str) -> bytes:
        """Into memory; `get_to` is for what may be large."""
        target = io.BytesIO()
        await self._download(key, target)
        return target.getvalue()

    async def get_to(self, key: str, path: Path, *, max_bytes: int | None = None) -> None:
        """The file is there only when it is complete."""
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            with await asyncio.to_thread(part.open, "wb") as target:
                await self._download(key, target, max_bytes)
            await asyncio.to_thread(os.replace, part, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def exists(self, key: str) -> bool:
        """See the base."""
        return (await self._info(key))[0] is not None

    async def delete(self, key: str) -> None:
        """Nothing happens where there is no such object."""
        info, _ = await self._info(key)
        if info is None:
            return
        gone = ObjectInfo(name=key, bucket=self._name, nuid=info.nuid, size=0, chunks=0, digest="", deleted=True)
        await self._publish_info(key, gone, None)
        await self._purge(info.nuid)

    async def _upload(self, key: str, nuid: str, source: BinaryIO) -> ObjectInfo:
        digest = hashlib.sha256()
        size = chunks = 0
        subject = self._chunks_subject(nuid)
        while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            chunks += 1
            # The id makes a chunk whose confirmation was lost safe to send again.
            headers = {Header.MSG_ID.value: f"{nuid}.{chunks}"}
            await self._connection.publish(f"storing {self._name}/{key}", subject, chunk, headers)
        return ObjectInfo(
            name=key,
            bucket=self._name,
            nuid=nuid,
            size=size,
            chunks=chunks,
            digest=_DIGEST + base64.urlsafe_b64encode(digest.digest()).decode(),
            options=ObjectMetaOptions(max_chunk_size=CHUNK_BYTES),
        )

    async def _show(self, key: str, info: ObjectInfo) -> None:
        """Makes the upload the object. Naming the predecessor finds the chunks that nobody needs any more, whoever wrote at the
        same time."""
        replaced = ""
        while True:
            before, revision = await self._info(key)
            if before is not None and before.nuid == info.nuid:
                break
            try:
                await self._publish_info(key, info, revision)
            except InvalidRequestError:
                if (await self._info(key))[1] == revision:
                    raise
            else:
                replaced = before.nuid if before is not None else ""
                break
        if replaced:
            await self._purge(replaced)

    async def _download(self, key: str, target: BinaryIO, max_bytes: int | None = None) -> None:
        for attempt in range(1, READS + 1):
            info, _ = await self._info(key)
            if info is None:
                raise NotFoundError(f"no object {key!r} in {self._name}")
            self._check_size(key, info.size, max_bytes)
            await asyncio.to_thread(target.seek, 0)
            await asyncio.to_thread(target.truncate)
            digest = hashlib.sha256()
            size = 0
            async with aclosing(self._chunks(info)) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    self._check_size(key, size, max_bytes)  # what an object says of itself need not be true
                    digest.update(chunk)
                    await asyncio.to_thread(target.write, chunk)
            if base64.urlsafe_b64decode((info.digest or "").removeprefix(_DIGEST)) == digest.digest():
                return
            now, _ = await self._info(key)
            if (now is not None and now.nuid == info.nuid) or attempt == READS:
                raise InternalError(f"object {key!r} in {self._name} is damaged: its bytes are not those of {info.digest}")

    def _check_size(self, key: str, size: int | None, max_bytes: int | None) -> None:
        if max_bytes is not None and (size or 0) > max_bytes:
            raise MediaTooLargeError(
                f"object {key!r} in {self._name} has {size} bytes or more, beyond the limit of {max_bytes}"
            )

    async def _chunks(self, info: ObjectInfo) -> AsyncGenerator[bytes]:
        if not info.size:
            return
        async with aclosing(read(self._connection, self._stream, self._chunks_subject(info.nuid), until_end=True)) as messages:
            async for msg in messages:
                yield msg.data

    async def _info(self, key: str) -> tuple[ObjectInfo | None, int]:
        """What is known about an object, None where there is none; and the revision of that knowledge."""
        subject = self._info_subject(key)
        is_direct = self._connection.settings.replicas == 1

        async def ask() -> RawStreamMsg | None:
            try:
                return await self._connection.js.get_last_msg(self._stream, subject, direct=is_direct)
            except js_errors.NotFoundError:
                return None

        found = await self._connection.attempt(f"looking for {self._name}/{key}", ask)
        if found is None:
            return None, 0
        info = ObjectInfo.from_response(json.loads(found.data or b"{}"))
        return (None if info.deleted else info), int(found.seq or 0)

    async def _publish_info(self, key: str, info: ObjectInfo, expected: int | None) -> None:
        info.mtime = datetime.now(UTC).isoformat()
        headers = {Header.ROLLUP.value: "sub"}
        if expected is not None:
            headers[Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value] = str(expected)
        payload = json.dumps(info.as_dict()).encode()
        await self._connection.publish(f"storing {self._name}/{key}", self._info_subject(key), payload, headers)

    async def _purge(self, nuid: str) -> None:
        await self._connection.attempt(
            f"freeing an object of {self._name}",
            lambda: self._connection.js.purge_stream(self._stream, subject=self._chunks_subject(nuid)),
        )

    def _chunks_subject(self, nuid: str) -> str:
        return f"$O.{self._name}.C.{nuid}"

    def _info_subject(self, key: str) -> str:
        return f"$O.{self._name}.M.{base64.urlsafe_b64encode(key.encode()).decode()}"


def _opened(content: bytes | Path) -> BinaryIO:
    return content.open("rb") if isinstance(content, Path) else io.BytesIO(content)
