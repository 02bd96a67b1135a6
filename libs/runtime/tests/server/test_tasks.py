"""What a task runner counts."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult, NodeTiming, Timing
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.server.tasks import TaskRunner
from reelscope_runtime.settings import RuntimeSettings


def result(name: str, compute_s: float, **nodes: float) -> AnalyzerResult:
    timings = [NodeTiming(node=node, compute_s=seconds, items=1) for node, seconds in nodes.items()]
    return AnalyzerResult(analyzer=name, timing=Timing(compute_s=compute_s, items=2, nodes=timings))


def test_a_node_counts_once_however_many_results_it_stands_in() -> None:
    metrics = Metrics()
    parts: dict[str, Any] = dict.fromkeys(("catalog", "pool", "host", "media"), Mock())
    runner = TaskRunner("vision", settings=RuntimeSettings(), results=None, metrics=metrics, **parts)
    # One analyzer wants another, and both were asked for.
    runner._count([result("text", 3.0, lines=2.0), result("composition", 1.0, lines=2.0, text=3.0)], 10.0)
    runner.close()
    counted = {
        sample.labels["node"]: sample.value
        for family in metrics.node_seconds.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert counted == {"text": 3.0, "composition": 1.0, "lines": 2.0}
