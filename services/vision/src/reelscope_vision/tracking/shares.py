"""Times to shares of all of them."""

from __future__ import annotations

from collections.abc import Mapping

from reelscope.analysis.v1.geometry_pb2 import Score


def shares(seconds: Mapping[str, float]) -> list[Score]:
    """Share of each name in [0,1], the largest first; none where there is no time at all."""
    total = sum(seconds.values())
    ordered = sorted(seconds.items(), key=lambda pair: -pair[1])
    return [Score(label=name, score=value / total) for name, value in ordered if total > 0]
