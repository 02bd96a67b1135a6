"""One job through the running stack, timed from the outside and from its own document."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import memory_mb
from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_cli.client import ReelscopeClient

SAMPLE_S = 0.1
"""How often memory is looked at."""
FINAL = ("succeeded", "failed", "cancelled")


@dataclass(slots=True)
class Measured:
    """What one job cost."""

    document: AnalysisDocument
    wall_s: float
    first_segment_s: float
    peak_mb: dict[str, float] = field(default_factory=dict)


async def measure(client: ReelscopeClient, path: Path, pids: dict[str, int], analyzers: tuple[str, ...] = ()) -> Measured:
    """Submits a file by its path and waits for the document.

    Args:
        client: Of the gateway.
        path: Inside a media root.
        pids: Processes whose memory is watched meanwhile, by name.
        analyzers: Empty: all.
    """
    peak = dict.fromkeys(pids, 0.0)
    watching = asyncio.create_task(_watch_memory(pids, peak))
    started = time.perf_counter()
    try:
        job = await client.submit_path(path, analyzers=analyzers)
        first = 0.0
        async for event in client.watch(job.job_id):
            is_segments = event.WhichOneof("event") == "analysis" and event.analysis.HasField("segments")
            if is_segments and not first:
                first = time.perf_counter() - started
            if event.WhichOneof("event") == "job" and event.job.state in FINAL:
                break
        wall_s = time.perf_counter() - started
        return Measured(await client.result(job.job_id), wall_s, first, peak)
    finally:
        watching.cancel()


async def _watch_memory(pids: dict[str, int], peak: dict[str, float]) -> None:
    while True:
        for name, pid in pids.items():
            peak[name] = max(peak[name], memory_mb(pid))
        await asyncio.sleep(SAMPLE_S)


def report(measured: Measured) -> dict[str, object]:
    """The figures of one job as they stand in the results."""
    document = measured.document
    metadata = document.metadata
    duration_s = metadata.media.duration_s
    services = {service.name: round(service.seconds, 3) for service in metadata.services}
    slowest_s = max(services.values(), default=0.0)
    analyzers: dict[str, object] = {}
    nodes: dict[str, dict[str, float]] = {}
    for name, result in sorted(document.analyzer_results.items()):
        analyzers[name] = {
            "status": result.status,
            "coverage": result.coverage,
            "compute_s": round(result.timing.compute_s, 3),
            "realtime_factor": round(result.timing.compute_s / duration_s, 4) if duration_s else None,
            "segments": len(result.segments),
            "cached": result.cached,
        }
        for node in result.timing.nodes:
            key = f"{result.service}.{node.node}"
            nodes[key] = {"compute_s": round(node.compute_s, 3), "wait_s": round(node.wait_s, 3), "items": node.items}
    return {
        "duration_s": duration_s,
        "wall_s": round(measured.wall_s, 3),
        "realtime_factor": round(measured.wall_s / duration_s, 4) if duration_s else None,
        "first_segment_s": round(measured.first_segment_s, 3),
        "overhead_beyond_slowest_service_s": round(measured.wall_s - slowest_s, 3),
        "reconstruction_score": metadata.reconstruction_score,
        "services_s": services,
        "stages_s": {stage.stage: round(stage.seconds, 3) for stage in metadata.timing},
        "analyzers": analyzers,
        "nodes": dict(sorted(nodes.items())),
        "peak_memory_mb": {name: round(value) for name, value in measured.peak_mb.items()},
    }
