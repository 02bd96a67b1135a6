"""Request bodies as the contract's messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import Request
from google.protobuf.message import Message
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.gateway.v1.gateway_pb2 import SubmitJobRequest
from reelscope_gateway.http.multipart import Form, read_form
from reelscope_gateway.jobs.service import JobService
from reelscope_gateway.jobs.submission import Upload
from reelscope_runtime.contract import from_json
from reelscope_runtime.errors import CancelledError, InvalidRequestError, MediaTooLargeError

M = TypeVar("M", bound=Message)

IDEMPOTENCY_KEY = "idempotency-key"
FORM_FIELDS = ("url", "path", "analyzers", "profile", "priority", "options", "idempotency_key")


def parse_json(text: bytes, message: M) -> M:
    """Fills a message from JSON that anybody may have written.

    Raises:
        InvalidRequestError: It is no JSON, or not of this message.
    """
    kind = message.DESCRIPTOR.name
    try:
        return from_json(text, message)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        # Not UTF-8, lone surrogates, a list where an object belongs, nested a thousand deep: json_format lets these through.
        raise InvalidRequestError(f"not a valid {kind}: {type(error).__name__}: {str(error)[:200]}") from error


async def read_json(request: Request, message: M, *, max_bytes: int) -> M:
    """Reads a JSON body into a message.

    Raises:
        InvalidRequestError: See `parse_json`.
        MediaTooLargeError: It is longer than allowed; code "body_too_large".
    """
    text = bytearray()
    async for piece in _pieces(request):
        text += piece
        if len(text) > max_bytes:
            raise MediaTooLargeError(
                f"the JSON body is longer than {max_bytes} bytes; send files as multipart/form-data", code="body_too_large"
            )
    return parse_json(bytes(text), message)


@asynccontextmanager
async def submission(request: Request, service: JobService) -> AsyncIterator[tuple[SubmitJobRequest, Upload | None]]:
    """What POST /v1/jobs was given, as JSON or as a form; an uploaded file is on the disk within the block.

    Raises:
        InvalidRequestError: The body is not well-formed.
        MediaTooLargeError: It is too large.
        HTTPException: 415, a body of another kind.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if kind in {"application/json", ""}:
        message = await read_json(request, SubmitJobRequest(), max_bytes=service.settings.max_body_bytes)
        _set_key(message, key)
        yield message, None
        return
    if kind != "multipart/form-data":
        raise HTTPException(415, f"send application/json or multipart/form-data, not {kind[:60]!r}")
    async with service.incoming.file() as path:
        form = await read_form(content_type, _pieces(request), path, max_file_bytes=service.settings.max_upload_bytes)
        message = _message_of(form)
        _set_key(message, key)
        yield message, form.upload


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect as error:
        raise CancelledError("the client went away in the middle of its request") from error


def _set_key(message: SubmitJobRequest, key: str) -> None:
    if not key:
        return
    if message.idempotency_key not in {"", key}:
        raise InvalidRequestError("the Idempotency-Key header and the field idempotency_key differ; give one")
    # Header values are Latin-1 to the server; the replacement keeps two odd keys apart well enough and never fails.
    message.idempotency_key = key


def _message_of(form: Form) -> SubmitJobRequest:
    unknown = [name for name in form.fields if name not in FORM_FIELDS]
    if unknown:
        raise InvalidRequestError(f"there is no form field {unknown[0][:60]!r}; there are file, {', '.join(FORM_FIELDS)}")
    message = SubmitJobRequest()
    for name in ("url", "path", "profile", "priority", "idempotency_key"):
        values = form.fields.get(name, [])
        if len(values) > 1:
            raise InvalidRequestError(f"the form field {name!r} is there {len(values)} times; give it once")
        if values and values[0]:
            setattr(message, name, values[0])
    if message.url and form.fields.get("path", [""])[0]:
        raise InvalidRequestError("give exactly one source: url, path, or the file itself", code="no_source")
    for value in form.fields.get("analyzers", []):
        message.analyzers.extend(name for part in value.split(",") if (name := part.strip()))
    for value in form.fields.get("options", []):
        message.options.CopyFrom(parse_json(value.encode(), AnalyzeOptions()))
    return message
