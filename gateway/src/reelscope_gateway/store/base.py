"""What a clip store does, and the file system part that all of them share."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from reelscope.analysis.v1.media_pb2 import MediaRef
from reelscope_runtime.errors import ForbiddenError, NotFoundError, UnavailableError

CHUNK_BYTES = 2**20
LEFTOVER_S = 24 * 3600.0
"""Unfinished files older than this belong to a gateway that died: no upload or download lasts so long."""


def extension_of(filename: str) -> str:
    """The file name's extension, lower-case, with its dot; empty where it has none that is plain letters and digits."""
    suffix = Path(filename.replace("\0", "")).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 9 else ""  # noqa: PLR2004 - .mpegurl is no clip


class Incoming:
    """The folder where clips arrive, on the file system of the media root, so that a finished one is renamed into its place."""

    def __init__(self, root: Path) -> None:
        self.folder = root / ".incoming"

    @asynccontextmanager
    async def file(self) -> AsyncIterator[Path]:
        """An empty file of one's own; gone at the end of the block unless it was moved away.

        Raises:
            UnavailableError: The folder can't be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder)
        except OSError as error:
            raise UnavailableError(f"cannot write to {self.folder}: {error}; check REELSCOPE_MEDIA__ROOT") from error
        os.close(handle)
        path = Path(name)
        try:
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def sweep(self) -> int:
        """Removes what gateways that died have left; returns how much it was."""
        removed = 0
        limit = time.time() - LEFTOVER_S
        for path in self.folder.glob("*"):
            if path.lstat().st_mtime > limit:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
            removed += 1
        return removed


def copy_hashing(source: Path, target: Path) -> tuple[str, int]:
    """Copies a file, hashing what is copied: what is kept is what was hashed, even where the source changes meanwhile.

    Returns:
        SHA-256 in lower-case hex, and the number of bytes.

    Raises:
        NotFoundError: The source is gone.
        ForbiddenError: It may not be read.
        UnavailableError: The target can't be written.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with source.open("rb") as reader, target.open("wb") as writer:
            while chunk := reader.read(CHUNK_BYTES):
                digest.update(chunk)
                writer.write(chunk)
                size += len(chunk)
    except FileNotFoundError as error:
        raise NotFoundError(f"{source} is gone") from error
    except PermissionError as error:
        raise ForbiddenError(f"{source} may not be read by the gateway") from error
    except OSError as error:
        raise UnavailableError(f"cannot copy {source} to {target}: {error}") from error
    return digest.hexdigest(), size


class ClipStore(ABC):
    """Keeps clips by their content.

    Args:
        incoming: Where copies are made.
    """

    def __init__(self, incoming: Incoming) -> None:
        self.incoming = incoming

    async def keep_copy(self, path: Path, filename: str) -> MediaRef:
        """Keeps a copy of a file that belongs to somebody else."""
        async with self.incoming.file() as copy:
            sha256, size = await asyncio.to_thread(copy_hashing, path, copy)
            return await self._keep(copy, sha256, size, filename)

    async def keep(self, path: Path, filename: str) -> MediaRef:
        """Keeps a file of our own, which may be moved away by this."""
        sha256, size = await asyncio.to_thread(_hash, path)
        return await self._keep(path, sha256, size, filename)

    async def _keep(self, path: Path, sha256: str, size: int, filename: str) -> MediaRef:
        uri = await self._place(path, sha256, extension_of(filename))
        return MediaRef(uri=uri, sha256=sha256, size_bytes=size, filename=filename)

    @abstractmethod
    async def _place(self, path: Path, sha256: str, extension: str) -> str:
        """Puts the content where services find it; returns its URI. Putting it twice is putting it once.

        Raises:
            UnavailableError: The store does not take it now.
        """


def _hash(path: Path) -> tuple[str, int]:
    with path.open("rb") as reader:
        digest = hashlib.file_digest(reader, "sha256")
        return digest.hexdigest(), reader.tell()
