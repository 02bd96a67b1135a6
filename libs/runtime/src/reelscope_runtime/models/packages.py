"""Where an installed package lies, found without importing it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def package_folder(package: str) -> Path | None:
    """The folder of an installed top-level package; None where there is none.

    Nothing of the package runs: only import metadata is read.
    """
    if "." in package:
        msg = f"{package!r} is not a top-level package; looking up a sub-package would import its parent"
        raise ValueError(msg)
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
