"""What is said, word by word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.speech.v1.details_pb2 import RejectedText, TranscriptSummary, UtteranceDetail, Word
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.errors import InvalidRequestError
from reelscope_runtime.media.items import AnyItem, AudioSpec
from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.voice_activity import SAMPLE_RATE
from reelscope_speech.transcription.guard import Rejection, doubtful, reject_window, sift
from reelscope_speech.transcription.language import SURE_SPEECH_S, LanguageVote, to_code, to_tag
from reelscope_speech.transcription.utterances import split
from reelscope_speech.transcription.whisper import PROMPTS, Recogniser
from reelscope_speech.transcription.windows import MAX_GAP_S, MAX_WINDOW_S, Window, WindowPacker
from reelscope_speech.transcription.word_times import confine, tighten
from reelscope_speech.transcription.words import Recognition, TimedWord, join

MODEL = "transcription"
"""The manifest's task."""

_CHUNK_S = 1.0


class SpeechTranscription(Analyzer):
    """Utterances with word times, by Whisper on the speech only, guarded against invented text."""

    name = "speech_transcription"
    version = "1"
    description = "What is said: text, words with times, language"
    detail = "utterance"
    hears_language = True
    audio = AudioSpec(sample_rate=SAMPLE_RATE, mono=True, chunk_s=_CHUNK_S)
    requires = ("speech_regions",)
    models = (MODEL,)
    lookback_s: ClassVar[float] = MAX_WINDOW_S + MAX_GAP_S + 2 * _CHUNK_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        asked = context.options.language
        keeps_script = asked.casefold().startswith(("zh-hant", "zh-tw", "zh-hk"))
        self._recogniser = Recogniser(context.model(MODEL).model, {} if keeps_script else PROMPTS)
        self._asked = to_code(asked) if asked else ""
        if self._asked and self._asked not in self._recogniser.languages:
            raise InvalidRequestError(
                f"the speech model does not know the language {asked!r}; leave options.language empty to have it detected"
            )
        self._packer = WindowPacker()
        self._vote = LanguageVote()
        self._texts: list[str] = []
        self._word_count = 0
        self._speech_s = 0.0
        self._rejected: list[Rejection] = []

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes a chunk of mono audio at 16 kHz or a region of speech."""
        if isinstance(item.value, Region):
            self._speech_s += item.end_s - item.time_s
            windows = self._packer.add_region(item.value)
        else:
            windows = self._packer.add_audio(item.time_s, item.value[0])
        for window in windows:
            yield from self._transcribe(window)

    def flush(self) -> Iterable[Segment]:
        """Reads the last window."""
        for window in self._packer.finish():
            yield from self._transcribe(window)

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
                    for entry in self._rejected
                ],
            )
        )

    def _transcribe(self, window: Window) -> Iterable[Segment]:
        rest: Window | None = window
        while rest is not None:
            recognition, segments = self._read(rest)
            yield from segments
            rest = rest.after(recognition.words[-1].end_s) if recognition.words else None

    def _read(self, window: Window) -> tuple[Recognition, list[Segment]]:
        listens = not self._asked and not self._vote.settled
        encoded = self._recogniser.encode(window.samples, full=listens and window.speech_s < SURE_SPEECH_S)
        if listens:
            self._vote.add(self._recogniser.detect_language(encoded), window.speech_s)
        language = self._asked or self._vote.best[0]
        recognition = _timed(self._recogniser.read(encoded, language), window)
        segments = []
        for words in self._believed(recognition, window):
            text = join(words)
            self._texts.append(text)
            self._word_count += len(words)
            segments.append(_segment(words, text, language, recognition))
        return recognition, segments

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


def _segment(words: tuple[TimedWord, ...], text: str, language: str, recognition: Recognition) -> Segment:
    return Segment(
        start_s=words[0].start_s,
        end_s=words[-1].end_s,
        confidence=sum(word.probability for word in words) / len(words),
        utterance=UtteranceDetail(
            text=text,
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
