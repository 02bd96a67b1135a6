"""What is said, word by word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar, Final

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.speech.v1.details_pb2 import RejectedText, TranscriptSummary, UtteranceDetail, Word
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.errors import InvalidRequestError
from reelscope_runtime.media.items import AnyItem
from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.source import AUDIO
from reelscope_speech.features.voice_activity import SAMPLE_RATE
from reelscope_speech.transcription.guard import Rejection, doubtful, reject_window, sift
from reelscope_speech.transcription.language import SURE_SPEECH_S, LanguageVote, to_code, to_tag
from reelscope_speech.transcription.utterances import split
from reelscope_speech.transcription.whisper import Recogniser
from reelscope_speech.transcription.windows import Window, WindowPacker
from reelscope_speech.transcription.word_times import confine, tighten
from reelscope_speech.transcription.words import Recognition, TimedWord, join

MODEL = "transcription"
"""The manifest's task."""

BATCH_SPAN_S: Final = 120.0
"""Windows wait for their batch to be full until the first one's start is so far back: room for four full ones. On a CPU
nothing waits: a batch is one window, read as soon as it can't grow any more, within 32 s of its start."""


class SpeechTranscription(Analyzer):
    """Utterances with word times, by Whisper on the speech only, guarded against invented text."""

    name = "speech_transcription"
    version = "1"
    description = "What is said: text, words with times, language"
    detail = "utterance"
    hears_language = True
    audio = AUDIO
    requires = ("speech_regions",)
    models = (MODEL,)
    lookback_s: ClassVar[float] = BATCH_SPAN_S + 2 * AUDIO.chunk_s

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        asked = context.options.language
        loaded = context.model(MODEL)
        self._batch: int = loaded.batch
        self._recogniser = Recogniser(loaded.model, asked)
        self._asked = to_code(asked) if asked else ""
        if self._asked and self._asked not in self._recogniser.languages:
            raise InvalidRequestError(
                f"the speech model does not know the language {asked!r}; leave options.language empty to have it detected"
            )
        self._packer = WindowPacker()
        self._pending: list[Window] = []
        self._vote = LanguageVote()
        self._texts: list[str] = []
        self._word_count = 0
        self._speech_s = 0.0
        self._rejected: list[Rejection] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a chunk of mono audio at 16 kHz or a region of speech."""
        if isinstance(item.value, Region):
            self._speech_s += item.end_s - item.time_s
            self._pending.extend(self._packer.add_region(item.value))
        else:
            self._pending.extend(self._packer.add_audio(item.time_s, item.value[0]))
        while self._pending and (len(self._pending) >= self._batch or item.time_s - self._pending[0].start_s >= BATCH_SPAN_S):
            yield from self._transcribe(self._batch)

    def flush(self) -> Iterable[Segment]:
        """Reads the last windows."""
        self._pending.extend(self._packer.finish())
        while self._pending:
            yield from self._transcribe(self._batch)

    def summary(self) -> Summary:
        """The whole text, its language, and what was thrown away."""
        code, probability = (self._asked, 1.0) if self._asked else self._vote.best
        return Summary(
            utterance=TranscriptSummary(
                text=" ".join(self._texts),
                language=to_tag(code),
                language_probability=probability,
                word_count=self._word_count,
                speech_s=self._speech_s,
                rejected=[
                    RejectedText(
                        start_s=entry.words[0].start_s, end_s=entry.words[-1].end_s, text=entry.text, reason=entry.reason
                    )
                    for entry in sorted(self._rejected, key=lambda entry: entry.words[0].start_s)
                ],
            )
        )

    def _transcribe(self, count: int) -> Iterable[Segment]:
        """Reads the first `count` pending windows at once; what Whisper left unread of them, again, until all is read."""
        windows, self._pending = self._pending[:count], self._pending[count:]
        found: list[list[Segment]] = [[] for _ in windows]
        unread = list(enumerate(windows))
        while unread:
            recognitions = self._read([window for _, window in unread])
            rests = []
            for (number, window), recognition in zip(unread, recognitions, strict=True):
                found[number].extend(self._segments(recognition, window))
                rest = window.after(recognition.words[-1].end_s) if recognition.words else None
                if rest is not None:
                    rests.append((number, rest))
            unread = rests
        for segment in chain.from_iterable(found):
            self._texts.append(segment.utterance.text)
            self._word_count += len(segment.utterance.words)
            yield segment

    def _read(self, windows: Sequence[Window]) -> list[Recognition]:
        listens = not self._asked and not self._vote.settled
        if self._batch > 1:
            encoded = self._recogniser.encode_all([window.samples for window in windows])
        else:
            (window,) = windows
            encoded = self._recogniser.encode(window.samples, full=listens and window.speech_s < SURE_SPEECH_S)
        if listens:
            for window, probabilities in zip(windows, self._recogniser.detect_languages(encoded), strict=True):
                self._vote.add(probabilities, window.speech_s)
        recognitions = self._recogniser.read_all(encoded, self._language)
        return [_timed(recognition, window) for recognition, window in zip(recognitions, windows, strict=True)]

    @property
    def _language(self) -> str:
        return self._asked or self._vote.best[0]

    def _segments(self, recognition: Recognition, window: Window) -> list[Segment]:
        return [_segment(words, self._language, recognition) for words in self._believed(recognition, window)]

    def _believed(self, recognition: Recognition, window: Window) -> Iterable[tuple[TimedWord, ...]]:
        """The utterances that the guard lets pass."""
        if not recognition.words:
            return
        if reason := reject_window(recognition):
            self._rejected.append(Rejection(recognition.words, reason))
            return
        words, rejected = sift(recognition.words, window.regions)
        self._rejected.extend(rejected)
        for utterance in split(words):
            if doubtful(utterance):
                self._rejected.append(Rejection(utterance, "low_probability"))
            else:
                yield utterance


def _timed(recognition: Recognition, window: Window) -> Recognition:
    """The recognition with its words on the clip's clock, without the pauses between them."""
    shifted = [
        replace(word, start_s=word.start_s + window.start_s, end_s=word.end_s + window.start_s) for word in recognition.words
    ]
    confined = confine(shifted, window.regions)
    return replace(recognition, words=tighten(confined, window.samples, SAMPLE_RATE, window.start_s))


def _segment(words: tuple[TimedWord, ...], language: str, recognition: Recognition) -> Segment:
    return Segment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        confidence=sum(word.probability for word in words) / len(words),
        utterance=UtteranceDetail(
            text=join(words),
            language=to_tag(language),
            words=[
                Word(text=word.text.strip(), start_s=word.start_s, end_s=word.end_s, probability=word.probability)
                for word in words
            ],
            no_speech_probability=recognition.no_speech_probability,
            average_log_probability=recognition.average_log_probability,
            compression_ratio=recognition.compression_ratio,
        ),
    )
