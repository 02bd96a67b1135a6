"""What a run leaves: coverage from what was really decoded, one result per analyzer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult, NodeTiming, Timing
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import Analyzer
from reelscope_runtime.engine.protocols import Decoding
from reelscope_runtime.engine.step import Step

END_TOLERANCE_S = 0.1
"""Containers round their durations, and codecs pad the last packet: an end that is so close is the end."""


class Outcome:
    """What the decoder really gave."""

    def __init__(self, media: MediaInfo) -> None:
        self._media = media
        self.video_end_s = 0.0
        self.audio_end_s = 0.0
        self.frames_decoded = 0
        self.wait_s = 0.0
        self.warnings: list[str] = []
        self.nodes: list[NodeTiming] = []
        self.decoder = NodeTiming(node="decoder")

    def take(self, decoding: Decoding) -> None:
        """Keeps the decoder's own account."""
        self.video_end_s = decoding.video_end_s
        self.audio_end_s = decoding.audio_end_s
        self.frames_decoded = decoding.frames_decoded
        self.warnings = list(decoding.warnings)
        self.decoder = NodeTiming(
            node="decoder", compute_s=decoding.decode_s, wait_s=self.wait_s, items=decoding.frames_decoded
        )

    def coverage(self, streams: Iterable[str], consumed_s: float | None = None) -> float:
        """Smallest fraction of the named streams that was decoded (and, if given, consumed)."""
        fractions = [1.0]
        for stream in streams:
            expected = self._expected_end(stream)
            end_s = self.video_end_s if stream == "video" else self.audio_end_s
            if consumed_s is not None:
                end_s = min(end_s, consumed_s) if end_s else consumed_s
            frame_s = 1.0 / self._media.video.frame_rate if self._media.video.frame_rate > 0 else 0.0
            if expected > 0 and end_s < expected - max(END_TOLERANCE_S, 2 * frame_s):
                fractions.append(max(0.0, end_s / expected))
        return min(fractions)

    def _expected_end(self, stream: str) -> float:
        """When the stream should end, on the clock that begins with the first shown frame."""
        zero_s = self._media.video.start_s if self._media.HasField("video") else self._media.audio.start_s
        described = self._media.video if stream == "video" else self._media.audio
        if described.duration_s <= 0:
            return self._media.duration_s
        return described.start_s + described.duration_s - zero_s


def result_of(
    step: Step,
    kind: type[Analyzer],
    *,
    streams: frozenset[str],
    outcome: Outcome,
    nodes: Sequence[NodeTiming],
    elapsed_s: float,
) -> AnalyzerResult:
    """The result of one analyzer, with its segments in the order in which they were found."""
    result = AnalyzerResult(analyzer=kind.name, version=kind.version)
    if step.works and isinstance(step.node, Analyzer):
        _sum_up(step, step.node, result, outcome.coverage(streams))
    result.status = step.status
    if step.problem is not None:
        result.problem.CopyFrom(step.problem)
        result.coverage = 1.0 if step.status == "not_applicable" else outcome.coverage(streams, step.consumed_s)
    result.segments.extend(step.segments)
    result.timing.CopyFrom(Timing(compute_s=step.timing.compute_s, items=step.timing.items, elapsed_s=elapsed_s, nodes=nodes))
    return result


def _sum_up(step: Step, node: Analyzer, result: AnalyzerResult, coverage: float) -> None:
    """Asks the analyzer for its summary; a failure here is a failure of the analyzer like any other."""
    with step.guard():
        result.summary.CopyFrom(node.summary())
        own = node.coverage()
        result.coverage = coverage if own is None else min(coverage, own)
