"""Job ids: UUIDs of version 7 (RFC 9562), whose text sorts by the time at which they were made."""

from __future__ import annotations

import re
import secrets
import time
import uuid

_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_NS_PER_MS = 1_000_000


def new_job_id(now_ns: int | None = None) -> str:
    """A new id. The 12 bits after the milliseconds hold their fraction (RFC 9562, method 3), so that ids made within the
    same millisecond sort too.

    Args:
        now_ns: Nanoseconds since the epoch; None: now.
    """
    milliseconds, rest = divmod(time.time_ns() if now_ns is None else now_ns, _NS_PER_MS)
    fraction = rest * 4096 // _NS_PER_MS
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def is_job_id(text: str) -> bool:
    """Whether the text could be one of our ids; anything else never reaches the bus as a key."""
    return _TEXT.fullmatch(text) is not None


def made_at(job_id: str) -> float:
    """When the id was made, seconds since the epoch."""
    return (uuid.UUID(job_id).int >> 80) / 1000
