"""Clips in the JetStream object store, for hosts that share no folder."""

from __future__ import annotations

from pathlib import Path

from reelscope_gateway.store.base import ClipStore, Incoming
from reelscope_runtime.bus.base import ObjectStore

BUCKET = "media"


class NatsStore(ClipStore):
    """One object per clip, under its SHA-256.

    Args:
        media: The bus's object store for clips.
        incoming: Where files arrive.
    """

    def __init__(self, media: ObjectStore, incoming: Incoming) -> None:
        super().__init__(incoming)
        self._media = media

    async def _place(self, path: Path, sha256: str, extension: str) -> str:
        del extension  # readers go by the content
        if not await self._media.exists(sha256):
            await self._media.put(sha256, path)
        return f"nats://{BUCKET}/{sha256}"
