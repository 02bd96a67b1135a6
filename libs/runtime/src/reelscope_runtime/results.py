"""Results by what they depend on, so that work already done is never done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult, StoredResult
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import NotFoundError

INLINE_BYTES = 256 * 1024
"""Larger results become objects: a record must stay well under the broker's largest message."""

RESULT_KEY_HEADER = "reelscope-result-key"
"""Header of a result event on the bus: where the whole result is."""


def result_key(media_sha256: str, analyzer: str, *, version: str, models: Iterable[str], language: str, profile: str) -> str:
    """Key of a result: the same media, analyzer, version, models, language and profile give the same.

    Args:
        media_sha256: Lower-case hex.
        analyzer: Its name.
        version: The versions of the analyzer and of every node that it rests on.
        models: Name and hash of every model in use.
        language: What the caller chose, where it matters to the analyzer; else empty.
        profile: The profile that it ran under.
    """
    parts = [media_sha256, analyzer, version, sorted(models), profile, language]
    return f"{analyzer}.{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


class ResultStore:
    """Analyzer results in the `results` bucket; large ones as objects that the record points to."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def get(self, key: str) -> AnalyzerResult | None:
        """The result, or None where there is none (any more)."""
        record = await self._bus.results.get(key)
        if record is None or record.value is None:
            return None
        stored = StoredResult.FromString(record.value)
        if stored.WhichOneof("body") == "result":
            return stored.result
        try:
            return AnalyzerResult.FromString(await self._bus.objects.get(stored.object_key))
        except NotFoundError:
            return None

    async def put(self, key: str, result: AnalyzerResult) -> None:
        """Keeps a result. Twice is once: whoever writes it, it is the same."""
        body = result.SerializeToString(deterministic=True)
        if len(body) <= INLINE_BYTES:
            stored = StoredResult(result=result)
        else:
            stored = StoredResult(object_key=f"result.{key}")
            await self._bus.objects.put(stored.object_key, body)
        await self._bus.results.put(key, stored.SerializeToString(deterministic=True))
