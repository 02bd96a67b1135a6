"""How the speaker feels, as far as the voice tells."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.analysis.v1.geometry_pb2 import Score
from reelscope.speech.v1.details_pb2 import Prosody, SpeechEmotionDetail, SpeechEmotionSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.features.voice_emotions import VoiceEmotion
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
NETWORK_NOTE: Final = "emotion by a network trained on acted speech; arousal from pitch, range, effort and rate of the voice"
_AMONG_PEOPLE: Final = "what is usual among speakers"
_IN_THE_CLIP: Final = "what is usual in this clip and among speakers"


class SpeechEmotion(Analyzer):
    """One segment per utterance with arousal and the prosody that it rests on, at the end of the clip: what is usual for the
    speaker is known only then."""

    name = "speech_emotion"
    version = "1"
    description = "Arousal and prosody of each utterance; its emotion where the profile has a model for that"
    detail = "speech_emotion"
    requires = ("speech_regions", "voice_track", "voice_emotions")
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._builder = SpokenBuilder()
        self._voices: list[tuple[float, float, Voice]] = []
        self._emotions: list[Item[VoiceEmotion]] = []
        self._dominant_s: defaultdict[str, float] = defaultdict(float)
        self._arousal_s = 0.0
        self._speech_s = 0.0

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a region of speech, a stretch of the voice track, or what a network read in a region."""
        if isinstance(item.value, VoiceEmotion):
            self._emotions.append(item)
            return ()
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
            if scores := self._scores(start_s, end_s):
                _name(segment, scores)
                self._dominant_s[segment.speech_emotion.emotion] += end_s - start_s
            self._arousal_s += segment.speech_emotion.arousal * (end_s - start_s)
            self._speech_s += end_s - start_s
            yield segment

    def summary(self) -> Summary:
        """Mean arousal and the commonest emotion, each utterance by its length."""
        mean = self._arousal_s / self._speech_s if self._speech_s else None
        dominant = max(self._dominant_s, key=self._dominant_s.__getitem__, default="")
        return Summary(speech_emotion=SpeechEmotionSummary(mean_arousal=mean, dominant=dominant))

    def _scores(self, start_s: float, end_s: float) -> dict[str, float]:
        """The network's scores over an utterance, each region by its length; empty where there are none."""
        inside = [item for item in self._emotions if item.time_s < end_s and item.end_s > start_s]
        total_s = sum(item.end_s - item.time_s for item in inside)
        names = {name for item in inside for name in item.value.scores}
        return {
            name: sum(item.value.scores.get(name, 0.0) * (item.end_s - item.time_s) for item in inside) / total_s
            for name in sorted(names)
        }

    def _take(self, spoken: Spoken) -> None:
        voice = measure(spoken.track)
        if voice is not None:
            self._voices.append((spoken.start_s, spoken.end_s, voice))


def _name(segment: Segment, scores: Mapping[str, float]) -> None:
    """Writes what the network read into a segment."""
    best = max(scores, key=scores.__getitem__)
    detail = segment.speech_emotion
    detail.emotion = best
    detail.scores.extend(Score(label=name, score=score) for name, score in sorted(scores.items(), key=lambda one: -one[1]))
    detail.note = NETWORK_NOTE
    segment.confidence = scores[best]


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
