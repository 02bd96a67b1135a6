"""Documents on the disk."""

from __future__ import annotations

import os
from pathlib import Path

from google.protobuf import json_format

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
    return _write(folder / f"{name}.json", to_json(document, indent=2) + "\n")


def write_export(folder: Path, name: str, document: AnalysisDocument, export_format: str) -> Path:
    """Writes the document in another form beside it, e.g. `name.srt`.

    Raises:
        InvalidRequestError: It can't be written, or there is no such form.
    """
    from reelscope_gateway.exports.formats import FORMATS  # noqa: PLC0415 - the gateway's package, for those who export

    form = FORMATS.get(export_format)
    if form is None:
        known = ", ".join(FORMATS)
        raise InvalidRequestError(f"no export format {export_format!r}; there are: {known}", code="unknown_format")
    return _write(folder / f"{name}.{form.name}", form.render(document))


def export_file(path: Path, export_format: str) -> Path:
    """Writes another form of a document that lies on the disk, beside it.

    Raises:
        InvalidRequestError: It is no document, or can't be read or written.
    """
    try:
        document = json_format.Parse(path.read_text(encoding="utf-8"), AnalysisDocument(), ignore_unknown_fields=True)
    except (OSError, UnicodeDecodeError, json_format.ParseError) as error:
        raise InvalidRequestError(f"{path} is no document of ours: {error}", code="document_unreadable") from error
    return write_export(path.parent, path.stem, document, export_format)


def _write(path: Path, text: str) -> Path:
    """Writes a file, whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InvalidRequestError(f"cannot write {path}: {error}", code="output_unwritable") from error
    return path
