"""Text in lines: how wide it is, and where it may be broken."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")  # noqa: RUF001 - these very characters
CLAUSE_ENDS = (",", ";", ":", "，", "、", "；", "：", "—", "–")  # noqa: RUF001 - these very characters


def width(text: str) -> int:
    """Columns that a text takes: 2 for a full-width character, 0 for one that combines with the one before."""
    return sum(_columns(character) for character in text)


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def break_cost(before: str) -> float:
    """What it costs to break after this word: nothing at the end of a sentence, little at that of a clause."""
    if before.endswith(SENTENCE_ENDS):
        return 0.0
    return 0.2 if before.endswith(CLAUSE_ENDS) else 1.0


def joined(words: Sequence[tuple[str, str]]) -> str:
    """Words with their glue; that of the first is left out."""
    return "".join((glue if index else "") + text for index, (text, glue) in enumerate(words))


def lines(words: Sequence[tuple[str, str]], most: int, count: int) -> list[str] | None:
    """Words (text, glue) in at most `count` lines (1 or 2) of at most `most` columns, as even as can be and broken where one
    would breathe; None where they do not fit."""
    whole = joined(words)
    if width(whole) <= most:
        return [whole]
    if count == 1:
        return None
    options = []
    for at in range(1, len(words)):
        first, second = joined(words[:at]), joined(words[at:])
        if max(width(first), width(second)) <= most:
            uneven = abs(width(first) - width(second)) / most
            options.append((uneven + break_cost(words[at - 1][0]), at, [first, second]))
    return min(options)[2] if options else None


def chopped(text: str, most: int) -> list[str]:
    """A word in pieces of at most `most` columns: one that no line can hold, as an address."""
    pieces, piece = [], ""
    for character in text:
        if piece and width(piece + character) > most:
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]
