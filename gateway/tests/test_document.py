from __future__ import annotations

import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult, Problem, StageTiming
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.jobs.document import build_document, reconstruction_score
from reelscope_gateway.jobs.fanout import Plan
from reelscope_runtime.contract import invalid_values


def result(status: str, coverage: float = 0.0, analyzer: str = "", profile: str = "") -> AnalyzerResult:
    return AnalyzerResult(status=status, coverage=coverage, version="1", analyzer=analyzer, profile=profile)


@pytest.mark.parametrize(
    ("results", "score"),
    [
        ([], 0.0),
        ([result("succeeded", 1.0)] * 20, 100.0),
        ([result("succeeded", 0.5), result("not_applicable")], 75.0),
        ([result("succeeded", 1.0), result("failed", 0.9)], 50.0),
        ([result("unavailable"), result("cancelled", 0.7), result("succeeded", 1.0), result("succeeded", 1.0)], 50.0),
        ([result("succeeded", 1.7), result("succeeded", -1.0)], 50.0),
    ],
)
def test_score(results: list[AnalyzerResult], score: float) -> None:
    assert reconstruction_score(results) == pytest.approx(score)


def test_document() -> None:
    job = Job(job_id="j", source="clips/a.mp4", media_info=MediaInfo(duration_s=10))
    plan = Plan(services={"vision": ["cut_analysis", "text_overlay"]})
    results = {
        "cut_analysis": result("succeeded", 1.0, analyzer="cut_analysis", profile="lite"),
        "text_overlay": AnalyzerResult(status="failed", problem=Problem(code="internal", reason="x")),
    }
    document = build_document(
        job,
        results,
        plan,
        service_seconds={"vision": 2.5},
        timing=[StageTiming(stage="analyze", seconds=4)],
        processing_s=5.0,
    )
    metadata = document.metadata
    assert document.schema_version == "1"
    assert (metadata.total_analyzers, metadata.successful_analyzers) == (2, 1)
    assert metadata.reconstruction_score == pytest.approx(50.0)
    assert metadata.realtime_factor == pytest.approx(0.5)
    assert metadata.profile == "lite"
    assert metadata.video_path == "clips/a.mp4"
    assert [(one.name, one.seconds) for one in metadata.services] == [("vision", 2.5)]
    assert not metadata.HasField("source")
    assert list(invalid_values(document)) == []


def test_a_picture_without_duration_has_no_factor() -> None:
    job = Job(media_info=MediaInfo(duration_s=0))
    document = build_document(job, {}, Plan(), service_seconds={}, timing=[], processing_s=3.0)
    assert document.metadata.realtime_factor == 0
