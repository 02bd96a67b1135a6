"""One live stream's audio to words. Knows no gRPC; called from one thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.errors import InvalidRequestError
from reelscope_speech.features.region_tracker import PAD_S, Region, RegionTracker
from reelscope_speech.features.voice_activity import SAMPLE_RATE, VoiceActivity
from reelscope_speech.live.agreement import Agreement
from reelscope_speech.live.resampler import Resampler
from reelscope_speech.transcription.guard import doubtful, reject_window, sift
from reelscope_speech.transcription.language import SURE_SPEECH_S, LanguageVote, to_code, to_tag
from reelscope_speech.transcription.utterances import split
from reelscope_speech.transcription.whisper import Recogniser
from reelscope_speech.transcription.word_times import tighten
from reelscope_speech.transcription.words import TimedWord

INTERIM_S: Final = 1.0
"""Open speech is read again each time it has grown by so much; by more where reading takes longer than that."""

PATIENCE: Final = 1.5
"""Readings may take two thirds of the time: the rest is for what is said meanwhile."""

HISTORY_S: Final = 1.0
"""Audio kept while nobody speaks: speech is noticed after it has begun."""

MARGIN_S: Final = 0.3
"""Of audio about the speech that is read."""


@dataclass(frozen=True, slots=True)
class Update:
    """What is new.

    Attributes:
        final: Words that will not change, in order.
        interim: What the open speech sounds like so far.
        language: BCP 47; empty while unknown.
        audio_s: How much audio has been heard.
        ends_utterance: Whether a pause follows the final words.
    """

    final: tuple[TimedWord, ...]
    interim: str
    language: str
    audio_s: float
    ends_utterance: bool = False


class LiveTranscriber:
    """Takes a stream's audio; gives final words and what the rest sounds like.

    Speech is found as it is in files. While somebody speaks, the open speech is read again and again, and what two readings
    agree on is final; when the speech pauses, or after 12 s, the rest becomes final, too, once the guard against invented text
    has seen it. Work and memory are bounded by those 12 s.

    Args:
        whisper: The loaded "transcription" model.
        voice_activity: The loaded "voice_activity" model.
        sample_rate: Of the audio, Hz.
        language: BCP 47; empty: detected.

    Raises:
        InvalidRequestError: The model does not know the language.
    """

    def __init__(self, whisper: Any, voice_activity: Any, *, sample_rate: int, language: str = "") -> None:  # noqa: ANN401
        self._recogniser = Recogniser(whisper.model, language)
        self._asked = to_code(language) if language else ""
        if self._asked and self._asked not in self._recogniser.languages:
            raise InvalidRequestError(
                f"the speech model does not know the language {language!r}; leave it empty to have it detected"
            )
        self._vote = LanguageVote()
        self._resampler = Resampler(sample_rate)
        self._activity = VoiceActivity(voice_activity)
        self._tracker = RegionTracker()
        self._agreement = Agreement()
        self._samples = np.zeros(0, np.float32)
        self._start_s = 0.0
        self._heard = 0
        self._read_s = 0.0
        self._cost_s = 0.0

    def feed(self, samples: NDArray[np.float32]) -> list[Update]:
        """Takes the next mono samples at the stream's rate; gives what is new, if anything is."""
        return self._take(self._resampler.feed(samples))

    def finish(self) -> list[Update]:
        """The stream is over: all that is open becomes final."""
        updates = self._take(self._resampler.finish())
        regions = [*self._tracker.feed(self._activity.finish()), *self._tracker.finish()]
        return [*updates, *self._settled(regions)]

    @property
    def language(self) -> str:
        """BCP 47; empty while unknown."""
        return to_tag(self._asked or self._vote.best[0])

    @property
    def audio_s(self) -> float:
        """How much audio has been heard."""
        return self._heard / SAMPLE_RATE

    def _take(self, samples: NDArray[np.float32]) -> list[Update]:
        self._samples = np.concatenate([self._samples, samples])
        self._heard += len(samples)
        updates = list(self._settled(list(self._tracker.feed(self._activity.feed(samples)))))
        open_s = self._tracker.open_since_s
        if open_s is None:
            self._drop_before(self.audio_s - HISTORY_S)
        elif self.audio_s - max(self._read_s, open_s) >= max(INTERIM_S, PATIENCE * self._cost_s):
            updates.append(self._overheard(open_s))
        return updates

    def _settled(self, regions: Sequence[Region]) -> Iterable[Update]:
        """Reads the speech that is over for the last time."""
        for region in regions:
            words = self._read([region], region.start_s - MARGIN_S, region.end_s + (0 if region.continues else MARGIN_S))
            final = tuple(self._agreement.settle(words))
            yield Update(final, "", self.language, self.audio_s, ends_utterance=not region.continues)
            self._drop_before(region.end_s if region.continues else region.end_s - PAD_S)

    def _overheard(self, open_s: float) -> Update:
        """Reads speech that goes on."""
        started = time.perf_counter()
        region = Region(open_s, self.audio_s, 1.0, 1.0, continues=True)
        words = self._read([region], open_s - MARGIN_S, self.audio_s)
        final = tuple(self._agreement.hear(words))
        self._read_s, self._cost_s = self.audio_s, time.perf_counter() - started
        return Update(final, self._agreement.interim, self.language, self.audio_s)

    def _read(self, regions: Sequence[Region], start_s: float, end_s: float) -> list[TimedWord]:
        """The believable words of a stretch of the audio, on the stream's clock."""
        first = max(0, round((start_s - self._start_s) * SAMPLE_RATE))
        samples = self._samples[first : max(first, round((end_s - self._start_s) * SAMPLE_RATE))]
        if not len(samples):
            return []
        zero_s = self._start_s + first / SAMPLE_RATE
        speech_s = sum(region.end_s - region.start_s for region in regions)
        listens = not self._asked and not self._vote.settled
        encoded = self._recogniser.encode(samples, full=listens and speech_s < SURE_SPEECH_S)
        code = self._asked or self._vote.best[0]
        if listens:
            heard = self._recogniser.detect_language(encoded)
            if not regions[-1].continues or not code:
                self._vote.add(heard, speech_s)
            code = self._vote.best[0]
        recognition = self._recogniser.read(encoded, code)
        if reject_window(recognition):
            return []
        words = tighten(
            [replace(word, start_s=word.start_s + zero_s, end_s=word.end_s + zero_s) for word in recognition.words],
            samples,
            SAMPLE_RATE,
            zero_s,
        )
        kept, _ = sift(words, regions)
        return [word for utterance in split(kept) if not doubtful(utterance) for word in utterance]

    def _drop_before(self, time_s: float) -> None:
        count = min(len(self._samples), max(0, round((time_s - self._start_s) * SAMPLE_RATE)))
        self._samples = self._samples[count:].copy()
        self._start_s += count / SAMPLE_RATE
