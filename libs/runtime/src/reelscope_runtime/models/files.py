"""Files on disk: digests that are computed once, locks between processes, folders that appear whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STAMPS = ".verified"
# Zip archives and pickle protocols 2 to 5: what torch.save and pickle.dump begin with.
_CODE_CARRIERS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_MAGIC_BYTES = 4


class Digests:
    """SHA-256 of files, remembered by path, size and change time in `folder/.verified/`.

    So a start does not read hundreds of megabytes again. Whoever may write to the folder could forge a stamp; but who
    may do that could replace the service's settings as well.

    Args:
        folder: The models folder. Where it is not writable, digests are remembered in memory only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _STAMPS
        self._memory: dict[Path, dict[str, str | int]] = {}

    def of(self, path: Path, *, fresh: bool = False) -> str:
        """Lower-case hex digest of a file.

        Args:
            path: The file.
            fresh: Reads the file even if a stamp says that it has not changed.

        Raises:
            OSError: The file cannot be read.
        """
        key = self._key(path)
        stamp = self._stamp_file(path)
        known = None if fresh else (self._memory.get(path) or _read(stamp))
        if known is not None and {**known, "sha256": ""} == {**key, "sha256": ""} and known["sha256"]:
            self._memory[path] = known
            return str(known["sha256"])
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self.remember(path, digest, key)
        return digest

    def remember(self, path: Path, digest: str, key: dict[str, str | int] | None = None) -> None:
        """Keeps a digest that was computed elsewhere, e.g. while the file was written."""
        record = {**(key or self._key(path)), "sha256": digest}
        self._memory[path] = record
        stamp = self._stamp_file(path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False, encoding="utf-8") as stream:
                json.dump(record, stream)
            Path(stream.name).replace(stamp)
        except OSError:
            return  # a read-only folder costs one hashing per process, nothing else

    def _stamp_file(self, path: Path) -> Path:
        return self._folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"

    @staticmethod
    def _key(path: Path) -> dict[str, str | int]:
        status = path.stat()
        # The change time too: a copy that keeps sizes and modification times (cp -p, rsync -t) is still noticed.
        return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns}


def _read(stamp: Path) -> dict[str, str | int] | None:
    try:
        record = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("sha256"), str) else None


def may_carry_code(path: Path) -> bool:
    """Whether a file begins like a pickle or a zip archive (torch's format), whatever its name says."""
    with path.open("rb") as stream:
        return stream.read(_MAGIC_BYTES).startswith(_CODE_CARRIERS)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file against other processes and other threads; waits for it. The kernel frees it if we die."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside `folder` to fill; on success it takes `folder`'s place, else it is removed.

    Hold a lock around it: leftovers of a process that died in the middle are removed first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    build = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        yield build
        build.chmod(0o755)
        if folder.exists():
            folder.replace(folder.parent / f".{folder.name}.old.tmp")
        build.replace(folder)
    finally:
        _remove_leftovers(folder)


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
        shutil.rmtree(leftover)


def write_atomically(path: Path, text: str) -> None:
    """Writes a small text file so that readers see the old or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as stream:
        stream.write(text)
    Path(stream.name).replace(path)
