"""Reads multipart/form-data as it arrives: the file goes to the disk piece by piece, fields are kept small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from reelscope_gateway.jobs.submission import Upload, plain_filename
from reelscope_runtime.errors import InvalidRequestError, MediaTooLargeError

MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 100
MAX_HEADER_BYTES = 8 * 1024
FILE_FIELD = "file"


@dataclass(slots=True)
class Form:
    """What was sent.

    Attributes:
        fields: Values by field name, in the order in which they came.
        upload: The file.
    """

    fields: dict[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None


class _Reader:
    """Callbacks of the parser. They run between two awaits, so what is for the disk is collected and written afterwards."""

    def __init__(self, path: Path) -> None:
        self.form = Form()
        self.pending: list[bytes] = []
        self.is_complete = False
        self._path = path
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._name = ""
        self._in_file = False
        self._field = bytearray()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": lambda data, start, end: self._grow(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._grow(self._value, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _grow(self, buffer: bytearray, data: bytes) -> None:
        if len(buffer) + len(data) > MAX_HEADER_BYTES:
            raise InvalidRequestError(f"a header of a form part is longer than {MAX_HEADER_BYTES} bytes")
        buffer += data

    def _begin_part(self) -> None:
        self._disposition = b""
        self._field = bytearray()

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise InvalidRequestError("a form part has no Content-Disposition: form-data with a name")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._in_file = b"filename" in options
        if not self._in_file:
            return
        if self._name != FILE_FIELD or self.form.upload is not None:
            raise InvalidRequestError(
                f"send exactly one file, in the field {FILE_FIELD!r}; there is one in {self._name[:60]!r}"
            )
        self.form.upload = Upload(self._path, plain_filename(options[b"filename"].decode("utf-8", "replace")))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.pending.append(data[start:end])
            return
        if len(self._field) + end - start > MAX_FIELD_BYTES:
            raise InvalidRequestError(f"the field {self._name[:60]!r} is longer than {MAX_FIELD_BYTES} bytes")
        self._field += data[start:end]

    def _end_part(self) -> None:
        if self._in_file:
            return
        if sum(map(len, self.form.fields.values())) >= MAX_FIELDS:
            raise InvalidRequestError(f"more than {MAX_FIELDS} form fields")
        self.form.fields.setdefault(self._name, []).append(self._field.decode("utf-8", "replace"))

    def _end(self) -> None:
        self.is_complete = True


async def read_form(content_type: str, body: AsyncIterator[bytes], path: Path, *, max_file_bytes: int) -> Form:
    """Reads the body to its end.

    Args:
        content_type: The request's header, with the boundary.
        body: Its pieces.
        path: Where the file is written.
        max_file_bytes: Largest file.

    Raises:
        InvalidRequestError: It is no well-formed form.
        MediaTooLargeError: The file is too large.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequestError("multipart/form-data without a boundary")
    reader = _Reader(path)
    written = 0
    try:
        parser = MultipartParser(boundary, reader.callbacks())  # type: ignore[arg-type]
        with path.open("wb") as file:
            async for piece in body:
                parser.write(piece)
                size = sum(map(len, reader.pending))
                if written + size > max_file_bytes:
                    raise MediaTooLargeError(
                        f"the file is larger than {max_file_bytes} bytes (REELSCOPE_GATEWAY__MAX_UPLOAD_BYTES)"
                    )
                if size:
                    await asyncio.to_thread(file.writelines, reader.pending)
                    reader.pending.clear()
                    written += size
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequestError(f"the form is not well-formed: {error}") from error
    if not reader.is_complete:
        raise InvalidRequestError("the form ended in the middle; send it again")
    return reader.form
