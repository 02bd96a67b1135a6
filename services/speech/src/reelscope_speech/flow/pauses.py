"""Silent pauses between speech."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from reelscope_speech.features.region_tracker import PAD_S, Region
from reelscope_speech.features.voice_marks import Mark
from reelscope_speech.flow.events import FlowEvent

MIN_PAUSE_S: Final = 0.25
"""From here on a silence is a pause and no part of the articulation (Goldman-Eisler, 1968)."""

MAX_PAUSE_S: Final = 5.0
"""A longer silence is no pause: the speech is over, and may begin again."""

_NEAR_S: Final = 0.4
"""Speech that ends or begins so near to a silence is what the silence interrupts: the detector pads and smears."""

_LEAST_GAP_S: Final = 0.3
_GAP_CONFIDENCE: Final = 0.5
"""A gap that only the speech detector hears: under music, where no level tells."""


def pauses(marks: Iterable[Mark], regions: Sequence[Region]) -> list[FlowEvent]:
    """Silences between speech, and gaps between speech that something else fills, in order."""
    found = [
        FlowEvent("silent_pause", mark.start_s, mark.end_s, mark.certainty)
        for mark in marks
        if mark.kind == "silence"
        and MIN_PAUSE_S <= round(mark.end_s - mark.start_s, 6) <= MAX_PAUSE_S
        and _is_speech_near(mark.start_s - _NEAR_S, mark.start_s, regions)
        and _is_speech_near(mark.end_s, mark.end_s + _NEAR_S, regions)
    ]
    for before, after in pairwise(regions):
        start_s, end_s = before.end_s - PAD_S, after.start_s + PAD_S
        is_gap = not before.continues and _LEAST_GAP_S <= end_s - start_s <= MAX_PAUSE_S
        if is_gap and not any(pause.start_s < end_s and pause.end_s > start_s for pause in found):
            found.append(FlowEvent("silent_pause", start_s, end_s, _GAP_CONFIDENCE))
    return sorted(found, key=lambda pause: pause.start_s)


def _is_speech_near(start_s: float, end_s: float, regions: Sequence[Region]) -> bool:
    return any(region.start_s < end_s and region.end_s > start_s for region in regions)
