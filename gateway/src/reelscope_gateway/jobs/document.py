"""Puts the results of a job together: the document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzerResult, ServiceInfo, StageTiming
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.fusion import fuse
from reelscope_gateway.jobs.fanout import Plan
from reelscope_runtime.version import __version__

SCHEMA_VERSION = "1"
GOOD = frozenset({"succeeded", "not_applicable"})
"""Statuses of an analyzer that did what there was to do."""


def coverage_of(result: AnalyzerResult) -> float:
    """How much of the media the result stands for, in [0,1]: nothing to examine is examined wholly, a failure not at all."""
    if result.status == "not_applicable":
        return 1.0
    return min(1.0, max(0.0, result.coverage)) if result.status == "succeeded" else 0.0


def reconstruction_score(results: Iterable[AnalyzerResult]) -> float:
    """100 x the mean coverage of the requested analyzers; 0 where none was requested."""
    shares = [coverage_of(result) for result in results]
    return 100.0 * sum(shares) / len(shares) if shares else 0.0


def build_document(
    job: Job,
    results: Mapping[str, AnalyzerResult],
    plan: Plan,
    *,
    service_seconds: Mapping[str, float],
    timing: Iterable[StageTiming],
    processing_s: float,
) -> AnalysisDocument:
    """The document of a job whose results are all there.

    Args:
        job: Its record.
        results: By analyzer.
        plan: Who did what.
        service_seconds: By service, from the start of its task to its last result.
        timing: The job's stages.
        processing_s: Time from the job's start to now, without queueing.
    """
    document = AnalysisDocument(schema_version=SCHEMA_VERSION)
    for name, result in results.items():
        kept = document.analyzer_results[name]
        kept.CopyFrom(result)
        # Found in the order of their ends, read in the order of their starts.
        kept.segments.sort(key=lambda segment: (segment.start_s, segment.end_s))
    fuse(document)
    metadata = document.metadata
    metadata.video_path = job.source
    metadata.job_id = job.job_id
    metadata.processing_time_seconds = processing_s
    metadata.total_analyzers = len(results)
    metadata.successful_analyzers = sum(result.status in GOOD for result in results.values())
    metadata.reconstruction_score = reconstruction_score(results.values())
    duration_s = job.media_info.duration_s
    metadata.realtime_factor = processing_s / duration_s if duration_s > 0 else 0.0
    metadata.profile = job.profile or _profile(results)
    metadata.media.CopyFrom(job.media_info)
    if job.HasField("source_metadata"):
        metadata.source.CopyFrom(job.source_metadata)
    for service, names in plan.services.items():
        metadata.services.append(
            ServiceInfo(
                name=service,
                version=__version__,
                profile=next((results[name].profile for name in names if results[name].profile), ""),
                seconds=service_seconds.get(service, 0.0),
            )
        )
    metadata.timing.extend(timing)
    metadata.created_at.GetCurrentTime()
    metadata.reelscope_version = __version__
    return document


def _profile(results: Mapping[str, AnalyzerResult]) -> str:
    """The profile that the services ran; several, where they differ."""
    return "+".join(sorted({result.profile for result in results.values() if result.profile}))
