"""Where a MediaRef's bytes are on this host: inside the shared folder, or copied once from an object store."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import structlog

from reelscope.analysis.v1.media_pb2 import MediaRef
from reelscope_runtime.bus import names
from reelscope_runtime.errors import (
    ForbiddenError,
    InvalidRequestError,
    MediaError,
    MediaTooLargeError,
    NotFoundError,
    UnavailableError,
)
from reelscope_runtime.settings import MediaSettings


class Fetch(Protocol):
    """Copies an object of the bus's media bucket into a file: `ObjectStore.get_to`."""

    async def __call__(self, key: str, path: Path, *, max_bytes: int | None = None) -> None:
        """Raises NotFoundError, and MediaTooLargeError beyond `max_bytes`."""


_log = structlog.get_logger(__name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PART_PREFIX = ".part-"
"""A folder for each download, locked while it runs, so that nobody takes it for a left-over."""
_PART_MAX_AGE_S = 24 * 3600.0
"""A download that is older hangs."""
_KNOWN_FILES = 1024
"""Files of the shared folder whose hash is remembered."""
_S3_CHUNK_BYTES = 8 * 2**20


def sha256_of(path: Path | str) -> str:
    """Lower-case hex SHA-256 of a file, read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class MediaStore:
    """Gives local paths for media references. One event loop; several processes may share its folders.

    What processes that crashed left half-downloaded in the cache is deleted here, at the start.

    Args:
        settings: The shared folder, the cache and its size.
        fetch: Reads the bus's media bucket; None where there is no bus.
    """

    def __init__(self, settings: MediaSettings, fetch: Fetch | None = None) -> None:
        self._root = settings.root
        self._cache = settings.cache
        self._cache_bytes = settings.cache_bytes
        self._fetch = fetch
        self._downloads: dict[tuple[str, str, int], asyncio.Task[Path]] = {}
        self._known: OrderedDict[_Identity, str] = OrderedDict()
        swept = sum(_sweep(part) for part in self._parts())
        if swept:
            _log.info("deleted unfinished downloads", count=swept, folder=str(self._cache))

    @contextlib.asynccontextmanager
    async def open(self, ref: MediaRef) -> AsyncIterator[Path]:
        """The media as a local file, which stays there until the context is left.

        Raises:
            ForbiddenError: A file:// address outside the shared folder.
            NotFoundError: There is no such file or object.
            InvalidRequestError: An address of another kind, another bucket of the bus, or a `sha256` that is none.
            MediaError: Code media_corrupted: the bytes are not those of `ref.sha256`, or more than `ref.size_bytes`.
            MediaTooLargeError: Larger than the whole cache.
            UnavailableError: The object store does not answer.
        """
        if ref.sha256 and not _SHA256.fullmatch(ref.sha256):
            raise InvalidRequestError(f"sha256 {ref.sha256!r} is not 64 lower-case hex digits")
        scheme = urlsplit(ref.uri).scheme
        if scheme == "file":
            path = await asyncio.to_thread(self._inside_root, ref.uri)
            if ref.sha256:
                await self._verify(path, ref)
            yield path
            return
        if scheme not in {"nats", "s3"}:
            raise InvalidRequestError(f"media address {ref.uri!r} is none of file://, nats:// and s3://")
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

    async def _verify(self, path: Path, ref: MediaRef) -> None:
        """Hashes a file of the shared folder, once for as long as it is not touched."""
        try:
            identity = await asyncio.to_thread(_identity, path)
            actual = self._known.get(identity)
            if actual is None:
                actual = await asyncio.to_thread(sha256_of, path)
                if await asyncio.to_thread(_identity, path) == identity:
                    self._known[identity] = actual
        except FileNotFoundError:
            raise NotFoundError(f"there is no file {path}") from None
        except OSError as error:
            raise MediaError(f"{path} can't be read: {error.strerror}") from error
        if identity in self._known:
            self._known.move_to_end(identity)
        while len(self._known) > _KNOWN_FILES:
            self._known.popitem(last=False)
        _check_sha256(ref, actual)

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
        key = ref.sha256, ref.uri, ref.size_bytes
        task = self._downloads.get(key)
        if task is None:
            task = asyncio.create_task(self._download(ref))
            self._downloads[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: tuple[str, str, int], task: asyncio.Task[Path]) -> None:
        del self._downloads[key]
        if not task.cancelled():
            task.exception()  # seen: it is no "never retrieved" even where every caller has gone

    async def _download(self, ref: MediaRef) -> Path:
        if ref.size_bytes > self._cache_bytes:
            raise MediaTooLargeError(f"{ref.size_bytes} bytes are more than the whole cache of {self._cache_bytes}")
        await asyncio.to_thread(self._cache.mkdir, parents=True, exist_ok=True)
        folder, lock = _new_part(self._cache)
        try:
            part = folder / "content"
            await self._copy(ref, part)
            actual = await asyncio.to_thread(sha256_of, part)
            _check_sha256(ref, actual)
            path = self._cache / actual
            await asyncio.to_thread(part.replace, path)
        finally:
            try:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            finally:
                os.close(lock)
        await asyncio.to_thread(self._evict, path)
        return path

    async def _copy(self, ref: MediaRef, path: Path) -> None:
        """Copies no more than the reference declares, and never more than the cache may hold."""
        limit = min(ref.size_bytes or self._cache_bytes, self._cache_bytes)
        try:
            await self._copy_from(ref.uri, path, limit)
        except MediaTooLargeError as error:
            raise self._too_large(ref) from error
        if (await asyncio.to_thread(path.stat)).st_size > limit:
            raise self._too_large(ref)

    def _too_large(self, ref: MediaRef) -> MediaError:
        if 0 < ref.size_bytes < self._cache_bytes:
            return MediaError(f"{ref.uri} has more than the {ref.size_bytes} bytes that were declared", code="media_corrupted")
        return MediaTooLargeError(f"{ref.uri} has more bytes than the whole cache of {self._cache_bytes}")

    async def _copy_from(self, uri: str, path: Path, limit: int) -> None:
        parts = urlsplit(uri)
        key = unquote(parts.path.lstrip("/"))
        if not parts.netloc or not key:
            raise InvalidRequestError(f"media address {uri!r} lacks a bucket or a key")
        if parts.scheme == "s3":
            await _copy_from_s3(parts.netloc, key, path, limit)
        elif parts.netloc != names.MEDIA:
            raise InvalidRequestError(f"media address {uri!r} names bucket {parts.netloc!r}; the bus's is {names.MEDIA!r}")
        elif self._fetch is None:
            raise UnavailableError(f"{uri} can't be read: this process has no bus")
        else:
            await self._fetch(key, path, max_bytes=limit)

    def _evict(self, newest: Path) -> None:
        """Deletes the files that were not used for longest until the cache fits, but none that anybody has open."""
        entries = sorted(self._entries(), key=lambda entry: entry[0])
        total = sum(size for _, size, _ in entries) + sum(_folder_bytes(part) for part in self._parts())
        for _, size, path in entries:
            if total <= self._cache_bytes:
                return
            if path != newest and _delete_unused(path):
                total -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        for path in self._cache.iterdir():
            if _SHA256.fullmatch(path.name):
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    yield status.st_mtime, status.st_size, path

    def _parts(self) -> list[Path]:
        """Downloads that run, here or in another process, or were left by one that crashed."""
        return list(self._cache.glob(f"{_PART_PREFIX}*"))


_Identity = tuple[Path, int, int, int, int, int]
"""Path, device, inode, size, and when the content and the inode last changed, in nanoseconds."""


def _identity(path: Path) -> _Identity:
    """What tells a file that was touched or replaced from the one before.

    Raises:
        MediaError: It is no file.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(f"{path} is a directory or a device, not a file")
    return path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check_sha256(ref: MediaRef, actual: str) -> None:
    if ref.sha256 and actual != ref.sha256:
        raise MediaError(
            f"{ref.uri} has sha256 {actual}, not {ref.sha256}: broken on its way, send it again", code="media_corrupted"
        )


def _new_part(cache: Path) -> tuple[Path, int]:
    """A new folder for one download and the open descriptor whose lock keeps it there."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PART_PREFIX, dir=cache))
        fd = _locked(folder)
        if fd is not None and folder.exists():
            return folder, fd
        if fd is not None:  # another process swept it before it was locked
            os.close(fd)


def _locked(path: Path) -> int | None:
    """The open descriptor that holds a lock on a file or folder; None where somebody else has it, or it has gone."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def _sweep(part: Path) -> bool:
    """Deletes a download that nobody works on; True where it did."""
    fd = _locked(part)
    try:
        if fd is None and time.time() - part.lstat().st_mtime < _PART_MAX_AGE_S:
            return False
        if part.is_dir():
            shutil.rmtree(part, ignore_errors=True)
        else:
            part.unlink(missing_ok=True)
    except OSError:
        return False  # gone meanwhile, or not ours to delete
    finally:
        if fd is not None:
            os.close(fd)
    return not part.exists()


def _folder_bytes(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            total += path.stat().st_size
    return total


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


async def _copy_from_s3(bucket: str, key: str, path: Path, limit: int) -> None:
    """Streams an object into a file; region, endpoint and credentials come from the usual AWS_ variables."""
    try:
        import obstore  # noqa: PLC0415 - an optional extra
        from obstore import exceptions  # noqa: PLC0415
        from obstore.store import S3Store  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError("s3:// needs the extra: pip install 'reelscope-runtime[s3]'", retryable=False) from error
    try:
        response = await obstore.get_async(S3Store(bucket), key)
        size = response.meta["size"]
        with path.open("wb") as file:
            if size <= limit:
                size = 0
                async for chunk in response.stream(min_chunk_size=_S3_CHUNK_BYTES):
                    size += len(chunk)
                    if size > limit:
                        break
                    await asyncio.to_thread(file.write, chunk)
        if size > limit:
            raise MediaTooLargeError(f"s3://{bucket}/{key} has {size} bytes or more, beyond the limit of {limit}")
    except (exceptions.NotFoundError, FileNotFoundError) as error:
        raise NotFoundError(f"there is no object s3://{bucket}/{key}") from error
    except exceptions.BaseError as error:
        raise UnavailableError(f"s3://{bucket}/{key} can't be read: {error}") from error
