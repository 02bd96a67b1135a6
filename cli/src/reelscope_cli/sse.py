"""Server-sent events as the HTML standard defines them (section 9.2), as far as the gateway uses them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event.

    Attributes:
        id: The last id that was given; the stream resumes after it.
        event: Its type.
        data: Its lines, joined.
    """

    id: str
    event: str
    data: str


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[ServerSentEvent]:
    """Events of a stream's lines. Comments (keep-alives) are left out, and an event that breaks off is not given."""
    last_id = ""
    event = ""
    data: list[str] = []
    async for line in lines:
        if not line:
            if data:
                yield ServerSentEvent(last_id, event or "message", "\n".join(data))
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "id":
            last_id = value
