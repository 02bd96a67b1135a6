"""Throws away what the model invented: loops, words where nobody speaks, text it does not believe itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reelscope_speech.features.region_tracker import Region
from reelscope_speech.transcription.words import Recognition, TimedWord, join

MAX_COMPRESSION_RATIO: Final = 2.4
"""OpenAI's reference: text that compresses better repeats itself."""

NO_SPEECH_PROBABILITY: Final = 0.6
"""OpenAI's reference: above it, with a low log probability too, the window holds no speech."""

NO_SPEECH_LOG_PROBABILITY: Final = -1.0

MIN_WORD_PROBABILITY: Final = 0.2
"""Mean over an utterance. Right words of mumbled or sung text stay above 0.3; invented ones are mostly below 0.15."""

REGION_TOLERANCE_S: Final = 0.3
"""How far a word may lie outside a region of speech: the error of both clocks."""

_REPEATS: Final = 4
"""A phrase said so many times in a row is a loop ..."""

_LONG_REPEATS: Final = 3
"""... or so many times, if it has at least _LONG_PHRASE words."""

_LONG_PHRASE: Final = 4
_MAX_PHRASE: Final = 12


@dataclass(frozen=True, slots=True)
class Rejection:
    """Words that were thrown away."""

    words: tuple[TimedWord, ...]
    reason: str

    @property
    def text(self) -> str:
        """Their text."""
        return join(self.words)


def loops(recognition: Recognition) -> bool:
    """Whether a window's text is a loop."""
    return (
        recognition.hit_limit
        or recognition.compression_ratio > MAX_COMPRESSION_RATIO
        or repeats([word.text for word in recognition.words])
    )


def repeats(texts: Sequence[str]) -> bool:
    """Whether a phrase of 1 to 12 words comes again and again without a break."""
    plain = [text.strip().strip(".,!?;:。，！？、").casefold() for text in texts]  # noqa: RUF001 - these very characters
    for size in range(1, min(_MAX_PHRASE, len(plain) // 2) + 1):
        needed = (_LONG_REPEATS if size >= _LONG_PHRASE else _REPEATS) - 1
        run = 0
        for index in range(size, len(plain)):
            run = run + 1 if plain[index] == plain[index - size] else 0
            if run >= size * needed:
                return True
    return False


def reject_window(recognition: Recognition) -> str:
    """Why a whole window's text is not to be believed; empty if it is."""
    if (
        recognition.no_speech_probability > NO_SPEECH_PROBABILITY
        and recognition.average_log_probability < NO_SPEECH_LOG_PROBABILITY
    ):
        return "no_speech"
    if repeats([word.text for word in recognition.words]) or recognition.hit_limit:
        return "repetition"
    if recognition.compression_ratio > MAX_COMPRESSION_RATIO:
        return "compression_ratio"
    return ""


def outside(word: TimedWord, regions: Sequence[Region]) -> bool:
    """Whether a word lies where nobody speaks."""
    return not any(
        word.start_s < region.end_s + REGION_TOLERANCE_S and word.end_s > region.start_s - REGION_TOLERANCE_S
        for region in regions
    )


def sift(words: Sequence[TimedWord], regions: Sequence[Region]) -> tuple[list[TimedWord], list[Rejection]]:
    """Parts the words inside the speech from those outside of it."""
    kept: list[TimedWord] = []
    rejected: list[Rejection] = []
    run: list[TimedWord] = []
    for word in words:
        if outside(word, regions):
            run.append(word)
            continue
        if run:
            rejected.append(Rejection(tuple(run), "outside_speech"))
            run = []
        kept.append(word)
    if run:
        rejected.append(Rejection(tuple(run), "outside_speech"))
    return kept, rejected


def doubtful(words: Sequence[TimedWord]) -> bool:
    """Whether the model does not believe an utterance itself."""
    return sum(word.probability for word in words) / len(words) < MIN_WORD_PROBABILITY
