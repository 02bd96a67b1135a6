"""Words to utterances: a sentence, or what is said without a pause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reelscope_speech.transcription.words import TimedWord

PAUSE_S: Final = 0.7
"""A pause of this length ends an utterance even within a sentence: the usual bound between phrase and turn pauses."""

LONG_S: Final = 12.0
"""An utterance longer than this also ends at a comma: subtitles and prosody need shorter pieces."""

SENTENCE_ENDS: Final = (".", "?", "!", "…", "。", "？", "！", "।", "؟", "۔")  # noqa: RUF001 - these very characters
CLAUSE_ENDS: Final = (",", ";", ":", "，", "、", "；", "،")  # noqa: RUF001 - these very characters

_CLOSING: Final = "\"'”’)]»」』"  # noqa: RUF001 - these very characters
_ABBREVIATIONS: Final = frozenset({"mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr", "vs", "no", "nr", "bzw", "mme", "m"})
"""Words after which a full stop ends no sentence."""


def split(words: Sequence[TimedWord]) -> Iterable[tuple[TimedWord, ...]]:
    """Splits words at the ends of sentences and at pauses."""
    utterance: list[TimedWord] = []
    for word in words:
        if utterance and _parts(utterance, word):
            yield tuple(utterance)
            utterance = []
        utterance.append(word)
    if utterance:
        yield tuple(utterance)


def _parts(utterance: Sequence[TimedWord], following: TimedWord) -> bool:
    last = utterance[-1]
    if following.start_s - last.end_s >= PAUSE_S:
        return True
    text = last.text.strip().rstrip(_CLOSING)
    if text.endswith(SENTENCE_ENDS):
        return not _is_abbreviation(text)
    return last.end_s - utterance[0].start_s >= LONG_S and text.endswith(CLAUSE_ENDS)


def _is_abbreviation(text: str) -> bool:
    if not text.endswith(".") or text.endswith("..."):
        return False
    stem = text[:-1].casefold()
    is_initial = len(stem) == 1 and stem.isalpha() and stem.isascii()
    return stem in _ABBREVIATIONS or is_initial
