"""Messages as JSON answers."""

from __future__ import annotations

import asyncio

from fastapi import Response
from google.protobuf.message import Message

from reelscope_runtime.contract import to_json

THREAD_BYTES = 64 * 1024
"""Larger messages are turned to JSON in a thread: a document of some megabytes would hold up everybody else for seconds."""


async def json_answer(message: Message, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The message's canonical JSON."""
    text = to_json(message) if message.ByteSize() < THREAD_BYTES else await asyncio.to_thread(to_json, message)
    return Response(text, status, headers, "application/json")
