"""Whisper through CTranslate2: windows of speech to words.

faster-whisper's own `transcribe` pads every window to 30 s. The encoder is most of the cost on a CPU, so here a window is
padded by a few seconds only, and read again with the full padding when the result looks wrong. On 2 cores, base int8 and
10 clips of 3-11 s in 7 languages: 10.8x realtime instead of 4.7x, at a mean word error rate of 0.33 instead of 0.32.

Several windows are encoded, read and aligned in one call each where a GPU does it: there they are all padded to 30 s, as the
encoder costs next to nothing and windows of one length do not change one another.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations
from numpy.typing import NDArray

from reelscope_speech.transcription import script
from reelscope_speech.transcription.guard import loops
from reelscope_speech.transcription.spectrum import FULL_FRAMES, Mel, log_mel, pad
from reelscope_speech.transcription.words import Recognition, TimedWord

FRAMES_PER_SECOND: Final = 100

TAIL_FRAMES: Final = 800
"""Padding behind a window. With 3 s some clips looped; from 5 s on none of the measured ones did."""

BEAM_SIZE: Final = 5
"""Beam 1 lost 3-20 points of word error rate on the Spanish, German and French clips for a quarter of the time."""

MAX_INITIAL_TIMESTAMP_S: Final = 1.0
"""A window starts with speech, so its first timestamp lies within its first second."""

TOKENS_PER_SECOND: Final = 15
"""Upper bound of what is spoken, in the most token-hungry scripts (about 8 characters of 1-2 tokens a second): bounds the
cost of a loop."""

SPARE_TOKENS: Final = 32
"""Room for timestamps and punctuation in the shortest windows."""

LOW_LOG_PROBABILITY: Final = -1.0
"""Mean log probability under which OpenAI's reference decodes again."""

NO_REPEAT_NGRAM: Final = 4
"""The last attempt forbids repeating so many tokens in a row."""

_PREPENDED: Final = "\"'“¿([{-"
_APPENDED: Final = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001 - these very characters
_TIME_STEP_S: Final = 0.02


def compression_ratio(text: str) -> float:
    """Bytes of the text over its zlib-compressed bytes, as in OpenAI's reference; 1 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 1.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """Windows as the encoder sees them.

    Attributes:
        mels: Log-mel spectra, shape [mels, frames of 10 ms] each, without padding.
        padded: Frames with the padding, the same for all.
        output: The encoder's output, a CTranslate2 StorageView of shape [windows, positions, width].
    """

    mels: tuple[Mel, ...]
    padded: int
    output: Any


class Recogniser:
    """A Whisper model at work on one clip.

    Args:
        model: A `faster_whisper.WhisperModel`.
        tag: BCP 47 tag of the language that was asked for; empty: none. It tells the script of Chinese.
    """

    def __init__(self, model: Any, tag: str = "") -> None:  # noqa: ANN401 - untyped library
        self._model = model
        self._tag = tag

    @cached_property
    def languages(self) -> frozenset[str]:
        """Whisper's codes of the languages that this very model knows: large-v3 has one more than those before it."""
        known = self._model.hf_tokenizer.token_to_id
        return frozenset(code for code in self._model.supported_languages if known(f"<|{code}|>") is not None) or frozenset(
            {"en"}
        )

    def encode(self, samples: NDArray[np.float32], *, full: bool = False) -> Encoded:
        """Encodes a window of mono audio at 16 kHz, at most 30 s.

        Args:
            samples: Shape [samples].
            full: Pads to 30 s: slower, but the language of a few words is only heard rightly so.
        """
        mel = log_mel(self._model.feature_extractor, samples)
        return self._encode([mel], FULL_FRAMES if full else min(mel.shape[1] + TAIL_FRAMES, FULL_FRAMES))

    def encode_all(self, windows: Sequence[NDArray[np.float32]]) -> Encoded:
        """Encodes windows at once, each padded to 30 s."""
        return self._encode([log_mel(self._model.feature_extractor, samples) for samples in windows], FULL_FRAMES)

    def detect_language(self, window: Encoded) -> dict[str, float]:
        """Probability of each language in the first window."""
        return self.detect_languages(window)[0]

    def detect_languages(self, windows: Encoded) -> list[dict[str, float]]:
        """Probability of each language, window by window."""
        if not self._model.model.is_multilingual:
            return [{"en": 1.0} for _ in windows.mels]
        found = self._model.model.detect_language(windows.output)
        return [{token[2:-2]: float(score) for token, score in scores} for scores in found]

    def read(self, window: Encoded, language: str) -> Recognition:
        """Reads a window.

        Args:
            window: From `encode`.
            language: Whisper's code.

        Returns:
            The words, on the window's clock. Deterministic: decoding never samples.
        """
        return self.read_all(window, language)[0]

    def read_all(self, windows: Encoded, language: str) -> list[Recognition]:
        """Reads windows at once; those that look wrong once more, each by itself."""
        first = self._attempt(windows, language)
        return [
            self._again(one, mel, windows.padded, language) if _is_suspicious(one) else one
            for one, mel in zip(first, windows.mels, strict=True)
        ]

    def _encode(self, mels: Sequence[Mel], padded: int) -> Encoded:
        return Encoded(tuple(mels), padded, self._model.encode(np.stack([pad(mel, padded) for mel in mels])))

    def _again(self, first: Recognition, mel: Mel, padded: int, language: str) -> Recognition:
        """The best of up to three attempts at a window that was read suspiciously."""
        attempts = [first]
        window = self._encode([mel], FULL_FRAMES)
        if padded < FULL_FRAMES:
            attempts += self._attempt(window, language)
        if loops(attempts[-1]):
            attempts += self._attempt(window, language, ngram=NO_REPEAT_NGRAM)
        return max(attempts, key=_merit)

    def _attempt(self, windows: Encoded, language: str, *, ngram: int = 0) -> list[Recognition]:
        model = self._model
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
        prompt = model.get_prompt(tokenizer, [], without_timestamps=False)
        limits = [
            min(model.max_length, len(prompt) + SPARE_TOKENS + TOKENS_PER_SECOND * mel.shape[1] // FRAMES_PER_SECOND)
            for mel in windows.mels
        ]
        results = model.model.generate(
            windows.output,
            [prompt] * len(limits),
            beam_size=BEAM_SIZE,
            max_length=max(limits),
            no_repeat_ngram_size=ngram,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            max_initial_timestamp_index=round(MAX_INITIAL_TIMESTAMP_S / _TIME_STEP_S),
            return_scores=True,
            return_no_speech_prob=True,
        )
        texts = [[token for token in result.sequences_ids[0] if token < tokenizer.eot] for result in results]
        words = self._words(tokenizer, texts, windows, language)
        return [
            Recognition(
                words=words[number],
                average_log_probability=float(result.scores[0]) * (length := len(result.sequences_ids[0])) / (length + 1),
                no_speech_probability=float(result.no_speech_prob),
                compression_ratio=compression_ratio(tokenizer.decode(texts[number]).strip()),
                hit_limit=len(prompt) + length >= limits[number],
            )
            for number, result in enumerate(results)
        ]

    def _words(
        self,
        tokenizer: Any,  # noqa: ANN401 - untyped library
        texts: Sequence[list[int]],
        windows: Encoded,
        language: str,
    ) -> list[tuple[TimedWord, ...]]:
        """Word times by dynamic time warping over the cross-attention, as OpenAI's reference does."""
        if not any(texts):
            return [()] * len(texts)
        frames = [mel.shape[1] for mel in windows.mels]
        alignments = self._model.find_alignment(tokenizer, list(texts), windows.output, frames)
        for alignment in alignments:
            merge_punctuations(alignment, _PREPENDED, _APPENDED)
        return [
            tuple(
                TimedWord(
                    script.write(word["word"], self._tag) if language == script.CHINESE else word["word"],
                    float(word["start"]),
                    float(word["end"]),
                    float(word["probability"]),
                )
                for word in alignment
                if word["word"].strip()
            )
            for alignment in alignments
        ]


def _is_suspicious(recognition: Recognition) -> bool:
    return loops(recognition) or recognition.average_log_probability < LOW_LOG_PROBABILITY


def _merit(recognition: Recognition) -> tuple[bool, float]:
    """What does not loop is better; then, what the model is surer of."""
    return not loops(recognition), recognition.average_log_probability
