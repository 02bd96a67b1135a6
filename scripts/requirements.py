"""Prints what packages of this repository require from outside it, one requirement a line.

`python scripts/requirements.py libs/runtime services/vision | pip install -c constraints.txt -r /dev/stdin`: the images install
their dependencies by it before any of our code is there, so that a change of code does not install them anew. Standard library
only: it runs in a bare Python.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

OURS = "reelscope-"


def requirements(folders: list[str]) -> list[str]:
    """Dependencies of the packages in `folders` (each with its pyproject.toml), without those on one another."""
    found: dict[str, None] = {}
    for folder in folders:
        project = tomllib.loads((Path(folder) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        found |= dict.fromkeys(wish for wish in project.get("dependencies", ()) if not wish.startswith(OURS))
    return list(found)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{requirement}\n" for requirement in requirements(sys.argv[1:])))
