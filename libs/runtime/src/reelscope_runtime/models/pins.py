"""Pins: hashes of files whose manifest entry has none, taken from what was fetched (trust on first use).

A pin says "these are the bytes that we had the first time", not "these are the author's bytes". It holds for one
revision of the manifest; a new revision must be pinned anew.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models.files import locked, write_atomically
from reelscope_runtime.models.manifest import ModelEntry

PINS_FILE = "pins.toml"
_HEADER = """\
# Written by `reelscope models fetch NAME --pin`. Trust on first use: these are the hashes of what was fetched that day,
# not hashes that the authors of the models published. Later loads are refused if the bytes differ.
"""


@dataclass(frozen=True, slots=True)
class Pin:
    """What was fetched.

    Attributes:
        requested: The manifest's revision at that time.
        revision: The commit that it stood for; the same as `requested` where the source has no commits.
        files: Path of each file to its sha256.
    """

    requested: str
    revision: str
    files: Mapping[str, str]


class Pins:
    """`settings.models.folder/pins.toml`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PINS_FILE
        self._lock = folder / ".pins.lock"

    def get(self, entry: ModelEntry) -> Pin | None:
        """The pin that holds for an entry's revision, if there is one."""
        pin = self._read().get(entry.name)
        return pin if pin is not None and pin.requested == entry.revision else None

    def put(self, entry: ModelEntry, revision: str, files: Mapping[str, str]) -> None:
        """Records what was fetched for an entry."""
        with locked(self._lock):
            pins = self._read()
            pins[entry.name] = Pin(entry.revision, revision, dict(files))
            write_atomically(self.path, _HEADER + "".join(_table(name, pins[name]) for name in sorted(pins)))

    def _read(self) -> dict[str, Pin]:
        try:
            document = tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ModelUnavailableError(f"cannot read {self.path}: {error}; correct or remove it") from error
        try:
            return {name: Pin(table["requested"], table["revision"], dict(table["files"])) for name, table in document.items()}
        except (KeyError, TypeError) as error:
            raise ModelUnavailableError(f"{self.path} is not a file of pins ({error!r}); correct or remove it") from error


def _table(name: str, pin: Pin) -> str:
    # A JSON string in ASCII is a valid TOML string.
    files = "".join(f"{json.dumps(path)} = {json.dumps(sha256)}\n" for path, sha256 in sorted(pin.files.items()))
    return (
        f"\n[{json.dumps(name)}]\nrequested = {json.dumps(pin.requested)}\nrevision = {json.dumps(pin.revision)}\n"
        f"\n[{json.dumps(name)}.files]\n{files}"
    )
