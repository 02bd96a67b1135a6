"""What the downloading child is told and what it says: one JSON object on its stdin, one JSON line each on its stdout."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """One download.

    Attributes:
        url: What to fetch.
        folder: The child's own folder; it writes nowhere else.
        max_bytes: Largest download.
        socket_timeout_s: How long the source may stay silent.
        allow_private_hosts: Whether connections into private networks are let through.
        proxy: Proxy URL; empty: none.
        cookies_file: Netscape cookie file; empty: none.
        parent_pid: The child dies with this process.
    """

    url: str
    folder: str
    max_bytes: int
    socket_timeout_s: float
    allow_private_hosts: bool
    proxy: str
    cookies_file: str
    parent_pid: int

    def to_json(self) -> bytes:
        """As the child reads it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> FetchOrder:
        """As the parent wrote it."""
        return cls(**json.loads(text))
