"""Clips in the shared folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from reelscope_gateway.store.base import ClipStore, Incoming
from reelscope_runtime.errors import UnavailableError

READ_ONLY = 0o444


class FileStore(ClipStore):
    """`root/ab/abcd….mp4`: the SHA-256's first two digits, then the whole with the file's extension.

    Args:
        root: The shared media root.
        incoming: Where files arrive; on the same file system.
    """

    def __init__(self, root: Path, incoming: Incoming) -> None:
        super().__init__(incoming)
        self._root = root.absolute()

    async def _place(self, path: Path, sha256: str, extension: str) -> str:
        target = self._root / sha256[:2] / f"{sha256}{extension}"
        await asyncio.to_thread(_rename, path, target)
        return target.as_uri()


def _rename(path: Path, target: Path) -> None:
    """Renaming is whole or not at all, so a reader never sees half a clip; it also renews the time of one that was there."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.chmod(READ_ONLY)
        os.utime(path)
        path.replace(target)
    except OSError as error:
        raise UnavailableError(f"cannot keep the clip as {target}: {error}; check REELSCOPE_MEDIA__ROOT") from error
