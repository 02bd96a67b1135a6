"""Facts that need several analyzers' results: joined where all results come together, when a document is built.

Each is a pure function that changes the document's results in place, the same however often it is done. Kept results and live
events do not have them: they are each analyzer's own.
"""

from __future__ import annotations

from collections.abc import Callable

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_gateway.fusion.cuts_on_beat import count_cuts_on_beat
from reelscope_gateway.fusion.speakers import name_speakers

FACTS: tuple[Callable[[AnalysisDocument], None], ...] = (name_speakers, count_cuts_on_beat)


def fuse(document: AnalysisDocument) -> None:
    """Adds all facts to a document's results."""
    for add in FACTS:
        add(document)


__all__ = ["FACTS", "fuse"]
