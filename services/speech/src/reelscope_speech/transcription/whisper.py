"""Whisper through CTranslate2, one window at a time.

faster-whisper's own `transcribe` pads every window to 30 s. The encoder is most of the cost on a CPU, so here a window is
padded by a few seconds only, and read again with the full padding when the result looks wrong. On 2 cores, base int8 and
10 clips of 3-11 s in 7 languages: 10.8x realtime instead of 4.7x, at a mean word error rate of 0.33 instead of 0.32.
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

from reelscope_speech.transcription.guard import loops
from reelscope_speech.transcription.words import Recognition, TimedWord

FULL_FRAMES: Final = 3000
"""Mel frames of 10 ms in the 30 s that Whisper was trained on."""

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

PROMPTS: Final = {"zh": "以下是普通话的句子。"}
"""For Mandarin the small models pick the script at random; a sentence in simplified characters settles it."""

_PREPENDED: Final = "\"'“¿([{-"
_APPENDED: Final = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001 - these very characters
_TIME_STEP_S: Final = 0.02


def compression_ratio(text: str) -> float:
    """Bytes of the text over its zlib-compressed bytes, as in OpenAI's reference; 1 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 1.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A window as the encoder sees it.

    Attributes:
        mel: Log-mel spectrum, shape [mels, frames of 10 ms], without padding.
        padded: Frames with the padding.
        output: The encoder's output, a CTranslate2 StorageView.
    """

    mel: NDArray[np.float32]
    padded: int
    output: Any


class Recogniser:
    """A Whisper model at work on one clip.

    Args:
        model: A `faster_whisper.WhisperModel`.
        prompts: Text that sets the style for a language.
    """

    def __init__(self, model: Any, prompts: dict[str, str] | None = None) -> None:  # noqa: ANN401 - untyped library
        self._model = model
        self._prompts = PROMPTS if prompts is None else prompts

    @cached_property
    def languages(self) -> frozenset[str]:
        """Whisper's codes of the languages that the model knows."""
        return frozenset(self._model.supported_languages)

    def encode(self, samples: NDArray[np.float32], *, full: bool = False) -> Encoded:
        """Encodes a window of mono audio at 16 kHz, at most 30 s.

        Args:
            samples: Shape [samples].
            full: Pads to 30 s: slower, but the language of a few words is only heard rightly so.
        """
        mel: NDArray[np.float32] = self._model.feature_extractor(samples)[..., :-1]
        mel = mel[:, :FULL_FRAMES]
        padded = FULL_FRAMES if full else min(mel.shape[1] + TAIL_FRAMES, FULL_FRAMES)
        return Encoded(mel, padded, self._model.encode(_pad(mel, padded)))

    def detect_language(self, window: Encoded) -> dict[str, float]:
        """Probability of each language."""
        if not self._model.model.is_multilingual:
            return {"en": 1.0}
        scores = self._model.model.detect_language(window.output)[0]
        return {token[2:-2]: float(score) for token, score in scores}

    def read(self, window: Encoded, language: str) -> Recognition:
        """Reads a window.

        Args:
            window: From `encode`.
            language: Whisper's code.

        Returns:
            The words, on the window's clock. Deterministic: decoding never samples.
        """
        first = self._attempt(window, language)
        if not _is_suspicious(first):
            return first
        attempts = [first]
        if window.padded < FULL_FRAMES:
            window = Encoded(window.mel, FULL_FRAMES, self._model.encode(_pad(window.mel, FULL_FRAMES)))
            attempts.append(self._attempt(window, language))
        if loops(attempts[-1]):
            attempts.append(self._attempt(window, language, ngram=NO_REPEAT_NGRAM))
        return max(attempts, key=_merit)

    def _attempt(self, window: Encoded, language: str, *, ngram: int = 0) -> Recognition:
        model = self._model
        tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language)
        prompted = self._prompts.get(language)
        prompt = model.get_prompt(tokenizer, tokenizer.encode(prompted) if prompted else [], without_timestamps=False)
        limit = min(model.max_length, len(prompt) + SPARE_TOKENS + TOKENS_PER_SECOND * window.mel.shape[1] // FRAMES_PER_SECOND)
        result = model.model.generate(
            window.output,
            [prompt],
            beam_size=BEAM_SIZE,
            max_length=limit,
            no_repeat_ngram_size=ngram,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            max_initial_timestamp_index=round(MAX_INITIAL_TIMESTAMP_S / _TIME_STEP_S),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens: list[int] = result.sequences_ids[0]
        text_tokens = [token for token in tokens if token < tokenizer.eot]
        return Recognition(
            words=self._words(tokenizer, text_tokens, window),
            average_log_probability=float(result.scores[0]) * len(tokens) / (len(tokens) + 1),
            no_speech_probability=float(result.no_speech_prob),
            compression_ratio=compression_ratio(tokenizer.decode(text_tokens).strip()),
            hit_limit=len(prompt) + len(tokens) >= limit,
        )

    def _words(self, tokenizer: Any, tokens: Sequence[int], window: Encoded) -> tuple[TimedWord, ...]:  # noqa: ANN401
        """Word times by dynamic time warping over the cross-attention, as OpenAI's reference does."""
        if not tokens:
            return ()
        alignment = self._model.find_alignment(tokenizer, [list(tokens)], window.output, window.mel.shape[1])[0]
        merge_punctuations(alignment, _PREPENDED, _APPENDED)
        return tuple(
            TimedWord(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
            for word in alignment
            if word["word"].strip()
        )


def _pad(mel: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Pads to an even number of frames (the encoder halves them)."""
    frames += frames % 2
    return np.ascontiguousarray(np.pad(mel[:, :frames], ((0, 0), (0, max(0, frames - mel.shape[1])))))


def _is_suspicious(recognition: Recognition) -> bool:
    return loops(recognition) or recognition.average_log_probability < LOW_LOG_PROBABILITY


def _merit(recognition: Recognition) -> tuple[bool, float]:
    """What does not loop is better; then, what the model is surer of."""
    return not loops(recognition), recognition.average_log_probability
