"""How fluently somebody speaks: pauses, fillers, stammers, repairs, turns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.speech.v1.details_pb2 import SpeechFlowDetail, SpeechFlowSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.voice_marks import Mark
from reelscope_speech.flow.events import FlowEvent
from reelscope_speech.flow.pauses import MAX_PAUSE_S, pauses
from reelscope_speech.flow.sounds import from_sounds
from reelscope_speech.flow.spoken_words import SpokenWord, from_words

_MINUTE_S = 60.0
_FILLERS = ("filler", "filled_pause")


class SpeechFlow(Analyzer):
    """One segment per interruption of the flow, at the end of the clip: words, sounds and speakers judge together."""

    name = "speech_flow"
    version = "1"
    description = "Silent and filled pauses, fillers, stammers, repairs, turns, longest run"
    detail = "flow"
    requires = ("speech_regions", "voice_marks")
    wants = ("speech_transcription", "speaker_diarization")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._regions: list[Region] = []
        self._marks: list[Mark] = []
        self._words: list[SpokenWord] = []
        self._turns: list[Segment] = []
        self._events: list[FlowEvent] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a region, a mark, an utterance or a speaker's turn."""
        match item.value:
            case Region():
                self._regions.append(item.value)
            case Mark():
                self._marks.append(item.value)
            case Segment() if item.value.HasField("speaker"):
                self._turns.append(item.value)
            case Segment():
                utterance = item.value.utterance
                self._words.extend(
                    SpokenWord(word.text, word.start_s, word.end_s, word.probability, utterance.language)
                    for word in utterance.words
                )
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all interruptions in the order of their times."""
        said = list(from_words(self._words))
        heard = [
            event
            for event in from_sounds(self._marks, self._words, self._regions)
            if not any(one.start_s < event.end_s and one.end_s > event.start_s for one in said)
        ]
        events = [*pauses(self._marks, self._regions), *said, *heard, *_changes(self._turns)]
        self._events = [self._attributed(event) for event in sorted(events, key=lambda event: event.start_s)]
        return [_segment(event) for event in self._events]

    def summary(self) -> Summary:
        """Counts and shares over the speaking time: from the first speech to the last, without long silences."""
        counts = Counter(event.kind for event in self._events)
        lengths = [event.end_s - event.start_s for event in self._events if event.kind == "silent_pause"]
        speaking_s = _speaking_s(self._regions)
        fillers = sum(counts[kind] for kind in _FILLERS)
        return Summary(
            flow=SpeechFlowSummary(
                pause_count=len(lengths),
                pause_s=sum(lengths),
                mean_pause_s=sum(lengths) / len(lengths) if lengths else 0.0,
                longest_pause_s=max(lengths, default=0.0),
                filler_count=fillers,
                fillers_per_minute=_MINUTE_S * fillers / speaking_s if speaking_s else 0.0,
                repetition_count=counts["repetition"],
                longest_run_s=self._longest_run_s(),
                turn_count=counts["turn"],
                phonation_share=max(0.0, 1 - sum(lengths) / speaking_s) if speaking_s else 0.0,
            )
        )

    def _attributed(self, event: FlowEvent) -> FlowEvent:
        """The event with the speaker in whose turn its middle lies."""
        middle = (event.start_s + event.end_s) / 2
        turn = next((turn for turn in self._turns if turn.start_s <= middle < turn.end_s), None)
        if turn is None or event.speaker_id:
            return event
        return FlowEvent(event.kind, event.start_s, event.end_s, event.confidence, event.text, turn.speaker.speaker_id)

    def _longest_run_s(self) -> float:
        """Longest stretch of speech that no pause interrupts."""
        edges = [(event.start_s, event.end_s) for event in self._events if event.kind == "silent_pause"]
        longest = 0.0
        for start_s, end_s in _runs(self._regions):
            inside = [edge for edge in edges if edge[0] < end_s and edge[1] > start_s]
            for (_, begin_s), (stop_s, _) in pairwise([(start_s, start_s), *inside, (end_s, end_s)]):
                longest = max(longest, stop_s - begin_s)
        return longest


def _segment(event: FlowEvent) -> Segment:
    return Segment(
        start_s=event.start_s,
        end_s=event.end_s,
        confidence=event.confidence,
        flow=SpeechFlowDetail(kind=event.kind, text=event.text, speaker_id=event.speaker_id),
    )


def _changes(turns: Sequence[Segment]) -> Iterable[FlowEvent]:
    """Where another speaker takes over: from the end of the one's turn to the start of the other's."""
    for before, after in pairwise(turns):
        if before.speaker.speaker_id != after.speaker.speaker_id:
            start_s, end_s = sorted((before.end_s, after.start_s))
            speaker = after.speaker.speaker_id
            yield FlowEvent("turn", start_s, end_s, min(before.confidence, after.confidence), "", speaker)


def _runs(regions: Sequence[Region]) -> list[tuple[float, float]]:
    """Stretches of speech, pauses included."""
    runs: list[tuple[float, float]] = []
    for region in regions:
        if runs and region.start_s - runs[-1][1] <= MAX_PAUSE_S:
            runs[-1] = (runs[-1][0], region.end_s)
        else:
            runs.append((region.start_s, region.end_s))
    return runs


def _speaking_s(regions: Sequence[Region]) -> float:
    return sum(end_s - start_s for start_s, end_s in _runs(regions))
