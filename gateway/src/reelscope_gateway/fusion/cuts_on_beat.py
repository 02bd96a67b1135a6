"""Whether the clip is cut to its music: cut_analysis's cuts against music_analysis's beats."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument

CUTS = "cut_analysis"
MUSIC = "music_analysis"

ON_BEAT_S = 0.08
"""Nearer cuts seem to be on the beat: two frames at 25 a second, within what people accept as synchronous (ITU-R BT.1359)."""

_KINDS = frozenset({"hard", "jump"})
"""Gradual transitions have no moment that could be on a beat."""


def count_cuts_on_beat(document: AnalysisDocument) -> None:
    """Sets the share of the hard cuts within music that are on a beat; leaves it absent where there is no such cut."""
    results = document.analyzer_results
    if any(name not in results or results[name].status != "succeeded" for name in (CUTS, MUSIC)):
        return
    pieces = [segment for segment in results[MUSIC].segments if segment.music.beats]
    on_beat = [
        _is_near(cut.cut.time_s, piece.music.beats)
        for cut in results[CUTS].segments
        if cut.cut.kind in _KINDS
        for piece in pieces
        if piece.start_s <= cut.cut.time_s <= piece.end_s
    ]
    summary = results[MUSIC].summary.music
    summary.ClearField("cuts_on_beat_share")
    if on_beat:
        summary.cuts_on_beat_share = sum(on_beat) / len(on_beat)


def _is_near(time_s: float, beats: Sequence[float]) -> bool:
    at = bisect_left(beats, time_s)
    return any(abs(beat_s - time_s) <= ON_BEAT_S for beat_s in beats[max(0, at - 1) : at + 1])
