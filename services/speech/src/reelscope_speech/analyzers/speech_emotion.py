"""How the speaker feels, as far as the voice tells."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.speech.v1.details_pb2 import Prosody, SpeechEmotionDetail, SpeechEmotionSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_speech.prosody.arousal import USUAL, Cues, Voice, arousal, between, measure, median
from reelscope_speech.prosody.spoken import Spoken, SpokenBuilder

ENOUGH_UTTERANCES: Final = 4
ENOUGH_S: Final = 10.0
"""From so much speech on, what is usual in this clip counts as much as what is usual among people: it takes out the speaker's
own pitch and the recording's own spectrum."""

MOST_CONFIDENCE: Final = 0.5
"""Prosody explains about half of what listeners call arousal, and categories hardly at all."""

_CONFIDENT_VOICE_S: Final = 2.0

NOTE: Final = (
    "arousal from pitch, range, effort and rate of the voice against {usual}; prosody alone tells no valence or category"
)
_AMONG_PEOPLE: Final = "what is usual among speakers"
_IN_THE_CLIP: Final = "what is usual in this clip and among speakers"


class SpeechEmotion(Analyzer):
    """One segment per utterance with arousal and the prosody that it rests on, at the end of the clip: what is usual for the
    speaker is known only then."""

    name = "speech_emotion"
    version = "1"
    description = "Arousal and prosody of each utterance; no categories in the lite profile"
    detail = "speech_emotion"
    requires = ("speech_regions", "voice_track")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._builder = SpokenBuilder()
        self._voices: list[tuple[float, float, Voice]] = []
        self._arousal_s = 0.0
        self._speech_s = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a region of speech or a stretch of the voice track."""
        for spoken in self._builder.feed(item):
            self._take(spoken)
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives all utterances."""
        for spoken in self._builder.finish():
            self._take(spoken)
        total_s = sum(end_s - start_s for start_s, end_s, _ in self._voices)
        knows_clip = len(self._voices) >= ENOUGH_UTTERANCES and total_s >= ENOUGH_S
        usual = between(USUAL, median([voice.cues for _, _, voice in self._voices])) if knows_clip else USUAL
        note = NOTE.format(usual=_IN_THE_CLIP if knows_clip else _AMONG_PEOPLE)
        for start_s, end_s, voice in self._voices:
            segment = _segment(start_s, end_s, voice, usual, note)
            self._arousal_s += segment.speech_emotion.arousal * (end_s - start_s)
            self._speech_s += end_s - start_s
            yield segment

    def summary(self) -> Summary:
        """Mean arousal, each utterance by its length."""
        mean = self._arousal_s / self._speech_s if self._speech_s else None
        return Summary(speech_emotion=SpeechEmotionSummary(mean_arousal=mean))

    def _take(self, spoken: Spoken) -> None:
        voice = measure(spoken.track)
        if voice is not None:
            self._voices.append((spoken.start_s, spoken.end_s, voice))


def _segment(start_s: float, end_s: float, voice: Voice, usual: Cues, note: str) -> Segment:
    return Segment(
        start_s=start_s,
        end_s=end_s,
        confidence=MOST_CONFIDENCE * min(1.0, voice.voiced_s / _CONFIDENT_VOICE_S),
        speech_emotion=SpeechEmotionDetail(
            arousal=arousal(voice.cues, usual),
            prosody=Prosody(
                pitch_median_hz=voice.pitch_median_hz,
                pitch_range_semitones=voice.cues.range_semitones,
                energy_db=voice.level_db,
                jitter=voice.jitter,
                shimmer=voice.shimmer,
                syllables_per_s=voice.cues.rate,
            ),
            note=note,
        ),
    )
