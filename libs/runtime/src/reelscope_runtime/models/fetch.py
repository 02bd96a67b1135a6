"""`python -m reelscope_runtime.models.fetch PACKAGE…`: makes the models of a profile available without the command line
tool, for images that are built with one service only.
"""

from __future__ import annotations

import argparse
import sys

from reelscope_runtime.errors import ServiceError
from reelscope_runtime.models.manifest import Manifest
from reelscope_runtime.models.store import ModelStore
from reelscope_runtime.settings import RuntimeSettings


def main() -> None:
    """Fetches, and ends the process with status 1 where a model is not available afterwards."""
    settings = RuntimeSettings().models
    parser = argparse.ArgumentParser(prog="python -m reelscope_runtime.models.fetch", description=main.__doc__)
    parser.add_argument("packages", nargs="+", metavar="PACKAGE", help="e.g. reelscope_speech")
    parser.add_argument("--profile", default=settings.profile, choices=("lite", "standard", "full"))
    arguments = parser.parse_args()
    failures = [reason for package in arguments.packages for reason in _fetch_package(package, arguments.profile)]
    for reason in failures:
        sys.stderr.write(f"{reason}\n")
    raise SystemExit(1 if failures else 0)


def _fetch_package(package: str, profile: str) -> list[str]:
    """Fetches the defaults of one package's manifest; why some could not be."""
    failures = []
    try:
        store = ModelStore(Manifest.load(package), RuntimeSettings().models)
    except ServiceError as error:
        return [error.reason]
    for entry in store.manifest.entries:
        if profile not in entry.profiles:
            continue
        try:
            path = store.fetch(entry)
        except ServiceError as error:
            failures.append(error.reason)
        else:
            sys.stdout.write(f"{entry.name}: {path}\n")
    return failures


if __name__ == "__main__":
    main()
