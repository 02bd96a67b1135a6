"""Fillers and stammers that the recogniser left out, by their sound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.voice_marks import Mark
from reelscope_speech.flow.events import FlowEvent
from reelscope_speech.flow.spoken_words import SpokenWord

_EXPLAINED: Final = 0.5
"""A drawn-out sound of which a word covers more than this may be that word's, drawn out; the recogniser often gives a word
the time of a sound beside it that it has no word for, so that this halves the certainty only."""

_DRAWN_OUT: Final = re.compile(r"(\w)\1\1")
"""Recognisers write drawn-out words so: "sooo"."""


def from_sounds(marks: Iterable[Mark], words: Sequence[SpokenWord], regions: Sequence[Region]) -> Iterable[FlowEvent]:
    """Events in the order of their times; only within speech."""
    for mark in marks:
        if mark.kind == "silence" or not _is_in_speech(mark, regions):
            continue
        near = [word for word in words if word.start_s < mark.end_s and word.end_s > mark.start_s]
        if mark.kind == "repeat":
            text = near[-1].text if near else ""
            yield FlowEvent("repetition", mark.start_s, mark.end_s, mark.certainty, text)
            continue
        covering = max(near, key=lambda word: _shared_s(mark, word), default=None)
        if covering is None or _shared_s(mark, covering) <= _EXPLAINED * (mark.end_s - mark.start_s):
            yield FlowEvent("filled_pause", mark.start_s, mark.end_s, mark.certainty)
        elif _DRAWN_OUT.search(covering.text):
            yield FlowEvent("hesitation", mark.start_s, mark.end_s, mark.certainty, covering.text)
        else:
            yield FlowEvent("filled_pause", mark.start_s, mark.end_s, mark.certainty / 2)


def _is_in_speech(mark: Mark, regions: Sequence[Region]) -> bool:
    return any(region.start_s < mark.end_s and region.end_s > mark.start_s for region in regions)


def _shared_s(mark: Mark, word: SpokenWord) -> float:
    return max(0.0, min(mark.end_s, word.end_s) - max(mark.start_s, word.start_s))
