"""Where a MediaRef's bytes are on this host: inside the shared folder, or copied once from an object store."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reelscope.analysis.v1.media_pb2 import MediaRef
from reelscope_runtime.errors import (
    ForbiddenError,
    InvalidRequestError,
    MediaError,
    MediaTooLargeError,
    NotFoundError,
    UnavailableError,
)
from reelscope_runtime.settings import MediaSettings

Fetch = Callable[[str, Path], Awaitable[None]]
"""Copies an object of the bus's media bucket into a file: `ObjectStore.get_to(key, path)`."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART_PREFIX = ".part-"
_S3_CHUNK_BYTES = 8 * 2**20


def sha256_of(path: Path | str) -> str:
    """Lower-case hex SHA-256 of a file, read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class MediaStore:
    """Gives local paths for media references. One event loop; several processes may share its folders.

    Args:
        settings: The shared folder, the cache and its size.
        fetch: Reads the bus's media bucket; None where there is no bus.
    """

    def __init__(self, settings: MediaSettings, fetch: Fetch | None = None) -> None:
        self._root = settings.root
        self._cache = settings.cache
        self._cache_bytes = settings.cache_bytes
        self._fetch = fetch
        self._downloads: dict[str, asyncio.Task[Path]] = {}

    @contextlib.asynccontextmanager
    async def open(self, ref: MediaRef) -> AsyncIterator[Path]:
        """The media as a local file, which stays there until the context is left.

        Raises:
            ForbiddenError: A file:// address outside the shared folder.
            NotFoundError: There is no such file or object.
            InvalidRequestError: An address of another kind.
            MediaError: Code media_corrupted: the bytes are not those of `ref.sha256`.
            MediaTooLargeError: Larger than the whole cache.
            UnavailableError: The object store does not answer.
        """
        scheme = urlsplit(ref.uri).scheme
        if scheme == "file":
            yield await asyncio.to_thread(self._inside_root, ref.uri)
            return
        if scheme not in {"nats", "s3"}:
            raise InvalidRequestError(f"media address {ref.uri!r} is none of file://, nats:// and s3://")
        if ref.sha256 and not _SHA256.fullmatch(ref.sha256):
            raise InvalidRequestError(f"sha256 {ref.sha256!r} is not 64 lower-case hex digits")
        path, lease = await self._leased(ref)
        try:
            yield path
        finally:
            os.close(lease)

    def _inside_root(self, uri: str) -> Path:
        parts = urlsplit(uri)
        if parts.netloc not in {"", "localhost"}:
            raise ForbiddenError(f"{uri} names another host")
        path = unquote(parts.path)
        if "\0" in path:
            raise InvalidRequestError("a media address with a zero byte in it")
        resolved = Path(path).resolve()
        if not resolved.is_relative_to(self._root.resolve()):
            raise ForbiddenError(f"{uri} is outside the media folder {self._root}")
        if not resolved.exists():
            raise NotFoundError(f"there is no file {resolved}")
        return resolved

    async def _leased(self, ref: MediaRef) -> tuple[Path, int]:
        """A cached file and the open descriptor whose lock keeps it there."""
        while True:
            path = self._cache / ref.sha256 if ref.sha256 else None
            if path is None or not path.exists():
                path = await self._downloaded(ref)
            lease = _lease(path)
            if lease is not None:
                return path, lease

    async def _downloaded(self, ref: MediaRef) -> Path:
        """Downloads once, however many ask at the same time; a caller that gives up stops nobody else."""
        key = ref.sha256 or ref.uri
        task = self._downloads.get(key)
        if task is None:
            task = asyncio.create_task(self._download(ref))
            self._downloads[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: str, task: asyncio.Task[Path]) -> None:
        del self._downloads[key]
        if not task.cancelled():
            task.exception()  # seen: it is no "never retrieved" even where every caller has gone

    async def _download(self, ref: MediaRef) -> Path:
        if ref.size_bytes > self._cache_bytes:
            raise MediaTooLargeError(f"{ref.size_bytes} bytes are more than the whole cache of {self._cache_bytes}")
        await asyncio.to_thread(self._cache.mkdir, parents=True, exist_ok=True)
        handle, name = await asyncio.to_thread(tempfile.mkstemp, prefix=_PART_PREFIX, dir=self._cache)
        os.close(handle)
        part = Path(name)
        try:
            await self._copy(ref.uri, part)
            actual = await asyncio.to_thread(sha256_of, part)
            if ref.sha256 and actual != ref.sha256:
                raise MediaError(
                    f"{ref.uri} has sha256 {actual}, not {ref.sha256}: broken on its way, send it again",
                    code="media_corrupted",
                )
            path = self._cache / actual
            await asyncio.to_thread(part.replace, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        await asyncio.to_thread(self._evict, path)
        return path

    async def _copy(self, uri: str, path: Path) -> None:
        parts = urlsplit(uri)
        key = unquote(parts.path.lstrip("/"))
        if not parts.netloc or not key:
            raise InvalidRequestError(f"media address {uri!r} lacks a bucket or a key")
        if parts.scheme == "s3":
            await _copy_from_s3(parts.netloc, key, path)
        elif self._fetch is None:
            raise UnavailableError(f"{uri} can't be read: this process has no bus")
        else:
            await self._fetch(key, path)

    def _evict(self, newest: Path) -> None:
        """Deletes the files that were not used for longest until the cache fits, but none that anybody has open."""
        entries = sorted(self._entries(), key=lambda entry: entry[0])
        total = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if total <= self._cache_bytes:
                return
            if path != newest and _delete_unused(path):
                total -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._cache.iterdir():
            if not path.name.startswith(_PART_PREFIX):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    yield status.st_mtime, status.st_size, path


def _lease(path: Path) -> int | None:
    """Locks a cached file against deletion, in this process and others; None where it has just gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(fd, fcntl.LOCK_SH)
    try:
        os.utime(path)
        is_same = path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        is_same = False
    if not is_same:
        os.close(fd)
        return None
    return fd


def _delete_unused(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


async def _copy_from_s3(bucket: str, key: str, path: Path) -> None:
    """Streams an object into a file; region, endpoint and credentials come from the usual AWS_ variables."""
    try:
        import obstore  # noqa: PLC0415 - an optional extra
        from obstore import exceptions  # noqa: PLC0415
        from obstore.store import S3Store  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError("s3:// needs the extra: pip install 'reelscope-runtime[s3]'", retryable=False) from error
    try:
        response = await obstore.get_async(S3Store(bucket), key)
        with path.open("wb") as file:
            async for chunk in response.stream(min_chunk_size=_S3_CHUNK_BYTES):
                await asyncio.to_thread(file.write, chunk)
    except (exceptions.NotFoundError, FileNotFoundError) as error:
        raise NotFoundError(f"there is no object s3://{bucket}/{key}") from error
    except exceptions.BaseError as error:
        raise UnavailableError(f"s3://{bucket}/{key} can't be read: {error}") from error
