"""Model files that installed packages carry in pieces, because a registry limits the size of a package."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from reelscope_runtime.models.manifest import ModelEntry, PartsSource, Piece
from reelscope_runtime.models.packages import package_folder

_CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a fetch has come, in one file.

    Attributes:
        model: Name of the model.
        file: Path of the file.
        done_bytes: Bytes of it that are there.
        total_bytes: Its size as the manifest knows it; 0: not known.
    """

    model: str
    file: str
    done_bytes: int
    total_bytes: int


Progress = Callable[[FetchProgress], None]


def installed_parts(entry: ModelEntry) -> PartsSource | None:
    """The model's parts source whose pieces are all installed, if there is one."""
    for source in entry.sources:
        if isinstance(source, PartsSource) and all(_piece_path(piece) is not None for piece in source.pieces):
            return source
    return None


def join_parts(entry: ModelEntry, source: PartsSource, into: Path, progress: Progress) -> dict[str, str]:
    """Writes every file of a model from its pieces.

    Returns:
        Path of each file to its sha256, computed while it was written.

    Raises:
        OSError: A piece cannot be read, or the folder not written.
    """
    digests = {}
    for file in entry.files:
        target = into / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        done = 0
        paths = [_piece_path(piece) for piece in source.pieces if piece.file == file.path]
        with target.open("wb") as out:
            for chunk in _contents(path for path in paths if path is not None):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                progress(FetchProgress(entry.name, file.path, done, file.size_bytes))
        digests[file.path] = digest.hexdigest()
    return digests


def _piece_path(piece: Piece) -> Path | None:
    folder = package_folder(piece.package)
    path = folder / piece.path if folder is not None else None
    return path if path is not None and path.is_file() else None


def _contents(paths: Iterator[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as stream:
            yield from _chunks(stream)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk
