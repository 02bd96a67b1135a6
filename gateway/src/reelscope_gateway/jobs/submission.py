"""What a submission must look like, and the record that it becomes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from reelscope.gateway.v1.gateway_pb2 import Job, SubmitJobRequest
from reelscope_gateway.fetch.addresses import origin_of, refuse_private_literal
from reelscope_gateway.jobs.ids import new_job_id
from reelscope_gateway.settings import FetchSettings
from reelscope_runtime.contract import invalid_values
from reelscope_runtime.errors import InvalidRequestError, MediaError
from reelscope_runtime.tracing import inject

LONGEST_KEY = 255
LONGEST_NAME = 255
"""Bytes of a file name that Linux file systems take."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file on the disk. It belongs to whoever staged it, and may be moved away by the submission."""

    path: Path
    filename: str


def check(request: SubmitJobRequest, upload: Upload | None, settings: FetchSettings) -> None:
    """Refuses what makes no sense, before anything is done.

    Raises:
        InvalidRequestError: Not exactly one source, a value outside its documented set, no http(s) URL, an overlong key.
        MediaError: An empty upload.
        ForbiddenError: A URL with a private address.
    """
    wrong = list(invalid_values(request))
    if wrong:
        raise InvalidRequestError("; ".join(wrong))
    kind = request.WhichOneof("source")
    if (kind is None) == (upload is None):
        raise InvalidRequestError("give exactly one source: url, path, or the file itself", code="no_source")
    if len(request.idempotency_key) > LONGEST_KEY:
        raise InvalidRequestError(
            f"the idempotency key has {len(request.idempotency_key)} characters; {LONGEST_KEY} are allowed"
        )
    if kind == "url":
        origin = origin_of(request.url)
        if not settings.allow_private_hosts:
            refuse_private_literal(origin)
    if kind == "path" and not request.path.strip():
        raise InvalidRequestError("path is empty: name a file inside a media root", code="no_source")
    if upload is not None and upload.path.stat().st_size == 0:
        raise MediaError(f"the uploaded file {upload.filename!r} is empty", code="media_empty")


async def fingerprint_of(request: SubmitJobRequest, upload: Upload | None) -> str:
    """Hash of all that a submission asks for, its key left out: the same for the same request."""
    bare = SubmitJobRequest()
    bare.CopyFrom(request)
    bare.ClearField("idempotency_key")
    digest = hashlib.sha256(bare.SerializeToString(deterministic=True))
    if upload is not None:
        digest.update(upload.filename.encode())
        digest.update(await asyncio.to_thread(_digest, upload.path))
    return digest.hexdigest()


def _digest(path: Path) -> bytes:
    with path.open("rb") as reader:
        return hashlib.file_digest(reader, "sha256").digest()


def key_hash_of(key: str) -> str:
    """The idempotency key as a bucket's key may be spelled."""
    return hashlib.sha256(key.encode()).hexdigest()


def job_of(request: SubmitJobRequest, upload: Upload | None) -> Job:
    """A fresh record, queued; without its analyzers and its clip."""
    job = Job(
        job_id=new_job_id(),
        state="queued",
        source=upload.filename if upload is not None else request.url or request.path,
        source_kind=request.WhichOneof("source") or "upload",
        profile=request.profile,
        priority=request.priority or "normal",
        options=request.options,
        idempotency_key=request.idempotency_key,
    )
    job.submitted_at.GetCurrentTime()
    headers: MutableMapping[str, str] = inject({})
    job.traceparent = headers.get("traceparent", "")
    return job


def plain_filename(name: str) -> str:
    """The last part of a name that a client sent, without control characters, no longer than a file system takes."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(letter for letter in last if letter.isprintable()).encode("utf-8", "replace")[:LONGEST_NAME]
    return printable.decode("utf-8", "ignore").strip() or "upload"
