"""Fillers, repetitions and repairs that stand in the transcript."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reelscope_speech.flow.events import FlowEvent
from reelscope_speech.flow.lexicon import EMPHATIC, fillers, plain, repairs

_AT_ONCE_S: Final = 0.6
"""A word said again later is said again, not stammered."""

_SOFTENER_S: Final = 0.1
"""Editing terms interrupt: beside a pause or a comma, not within a phrase ("I mean business")."""

_BROKEN_OFF: Final = ("-", "—", "–")  # noqa: RUF001 - these very characters


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A recognised word.

    Attributes:
        text: As it was written.
        start_s: Start.
        end_s: End.
        probability: In [0,1].
        language: BCP 47.
    """

    text: str
    start_s: float
    end_s: float
    probability: float
    language: str


def from_words(words: Sequence[SpokenWord]) -> Iterable[FlowEvent]:
    """Events in the order of their times."""
    for index, word in enumerate(words):
        name = plain(word.text)
        if name in fillers(word.language):
            yield FlowEvent("filler", word.start_s, word.end_s, word.probability, word.text)
            continue
        following = words[index + 1] if index + 1 < len(words) else None
        if following is not None and _is_repeated(word, following):
            yield FlowEvent("repetition", word.start_s, word.end_s, word.probability, word.text)
        elif word.text.rstrip().endswith(_BROKEN_OFF) and following is not None:
            yield FlowEvent("repair", word.start_s, word.end_s, word.probability, word.text)
        else:
            yield from _repair(words, index)


def _is_repeated(word: SpokenWord, following: SpokenWord) -> bool:
    name, after = plain(word.text), plain(following.text)
    if not name or name in EMPHATIC or name.isdigit() or following.start_s - word.end_s > _AT_ONCE_S:
        return False
    if word.text.rstrip().endswith((".", "!", "?", ",", "。", "、", "，")):  # noqa: RUF001 - these very characters
        return False
    is_stem = word.text.rstrip().endswith(_BROKEN_OFF) and after.startswith(name)
    # Languages without spaces double syllables to build words: 爸爸, ますます.
    return is_stem or (name == after and word.language.partition("-")[0] not in {"zh", "ja", "th"})


def _repair(words: Sequence[SpokenWord], index: int) -> Iterable[FlowEvent]:
    for term in repairs(words[index].language):
        said = words[index : index + len(term)]
        if index == 0 or tuple(plain(word.text) for word in said) != term or index + len(term) >= len(words):
            continue
        before, after = words[index - 1], words[index + len(term)]
        interrupts = before.text.rstrip().endswith((",", "-", "—")) or said[0].start_s - before.end_s >= _SOFTENER_S
        resumes = said[-1].text.rstrip().endswith((",", "-", "—")) or after.start_s - said[-1].end_s >= _SOFTENER_S
        if interrupts and resumes:
            text = " ".join(word.text for word in said)
            yield FlowEvent("repair", said[0].start_s, said[-1].end_s, min(word.probability for word in said), text)
            return
