"""Who speaks when."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.speech.v1.details_pb2 import SpeakerDetail, SpeakerShare, SpeakerSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_speech.diarization.slices import RegionVoice
from reelscope_speech.diarization.turns import find_turns

_ID: Final = "speaker_{}"
"""From 1 on, in the order in which they are first heard."""


class SpeakerDiarization(Analyzer):
    """One segment per turn, at the end of the clip: who is a speaker of their own shows only against all others."""

    name = "speaker_diarization"
    version = "1"
    description = "Who speaks when: speakers by their voices, turns, shares of the talk"
    detail = "speaker"
    requires = ("speaker_embeddings",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._regions: list[RegionVoice] = []
        self._speech_s: dict[str, float] = {}

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a region of speech."""
        self._regions.append(item.value)
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all turns."""
        for turn in find_turns(self._regions):
            speaker_id = _ID.format(turn.speaker + 1)
            self._speech_s[speaker_id] = self._speech_s.get(speaker_id, 0.0) + turn.speech_s
            yield Segment(
                start_s=turn.start_s,
                end_s=turn.end_s,
                confidence=turn.confidence,
                speaker=SpeakerDetail(speaker_id=speaker_id),
            )

    def summary(self) -> Summary:
        """How many speakers there are, and how much of the talk is whose; pauses within turns take no part."""
        total_s = sum(self._speech_s.values())
        return Summary(
            speaker=SpeakerSummary(
                speaker_count=len(self._speech_s),
                speakers=[
                    SpeakerShare(speaker_id=speaker_id, speech_s=speech_s, share=speech_s / total_s)
                    for speaker_id, speech_s in self._speech_s.items()
                ],
            )
        )
