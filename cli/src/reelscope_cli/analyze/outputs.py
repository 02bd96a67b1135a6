"""Documents on the disk."""

from __future__ import annotations

import os
from pathlib import Path

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_runtime.contract import to_json
from reelscope_runtime.errors import InvalidRequestError


def prepare(folder: Path) -> None:
    """Makes sure that documents can be written, before any work is done.

    Raises:
        InvalidRequestError: They can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequestError(f"cannot write to {str(folder)!r}: {error}", code="output_unwritable") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequestError(f"cannot write to {str(folder)!r}: no permission", code="output_unwritable")


def write_document(folder: Path, name: str, document: AnalysisDocument) -> Path:
    """Writes `name.json`, whole or not at all; an earlier one is replaced.

    Raises:
        InvalidRequestError: It can't be written.
    """
    path = folder / f"{name}.json"
    partial = folder / f".{name}.{os.getpid()}.partial"
    try:
        partial.write_text(to_json(document, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InvalidRequestError(f"cannot write {path}: {error}", code="output_unwritable") from error
    return path
