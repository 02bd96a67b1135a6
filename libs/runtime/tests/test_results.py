"""Kept results: found again by what they depend on, whatever their size."""

from __future__ import annotations

import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from reelscope_runtime.bus.memory import MemoryBus
from reelscope_runtime.results import INLINE_BYTES, ResultStore, result_key


def key(**changes: object) -> str:
    parts: dict[str, object] = {
        "version": "1+shots.1",
        "models": ["transnetv2@ab", "nanodet@cd"],
        "language": "en",
        "profile": "lite",
    }
    parts.update(changes)
    return result_key("00ff", "cut_analysis", **parts)  # type: ignore[arg-type]


def test_a_key_changes_with_all_that_a_result_depends_on_and_with_nothing_else() -> None:
    assert key() == key(models=["nanodet@cd", "transnetv2@ab"])
    different = [
        key(version="2+shots.1"),
        key(models=["transnetv2@ab"]),
        key(language="de"),
        key(profile="full"),
    ]
    assert len({key(), *different}) == 1 + len(different)
    assert key().startswith("cut_analysis.")


@pytest.mark.parametrize("segments", [0, 10, 20_000])
async def test_what_is_put_is_got(segments: int) -> None:
    bus = MemoryBus()
    store = ResultStore(bus)
    result = AnalyzerResult(analyzer="cut_analysis", status="succeeded")
    for index in range(segments):
        result.segments.add(start_s=index, end_s=index + 0.5, confidence=1).cut.frame = index
    assert await store.get(key()) is None
    await store.put(key(), result)
    await store.put(key(), result)
    assert await store.get(key()) == result
    record = await bus.results.get(key())
    assert record is not None
    assert record.value is not None
    assert len(record.value) <= INLINE_BYTES + 1024


async def test_a_record_whose_object_is_gone_is_no_result() -> None:
    bus = MemoryBus()
    store = ResultStore(bus)
    result = AnalyzerResult(analyzer="x" * (INLINE_BYTES + 1))
    await store.put(key(), result)
    await bus.objects.delete(f"result.{key()}")
    assert await store.get(key()) is None
