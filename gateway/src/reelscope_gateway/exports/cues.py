"""Subtitle cues from a transcript, by the rules of the trade.

Line length, number of lines, durations, gaps and reading speed as in the Netflix Timed Text Style Guide (general requirements)
and the BBC Subtitle Guidelines; words are never changed or dropped, so speech that is faster than the reading speed stays so
where no silence follows into which its cue could last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_gateway.exports.lines import break_cost, chopped, lines, width
from reelscope_gateway.exports.script import Phrase, ScriptWord, phrases

_WIDE_SHARE = 0.5
_WIDE_COLUMNS = 32
"""Where most characters are full-width: 16 of them, instead of 42 narrow ones."""

_EARLY_S = 0.2
"""A cue that would be too short may begin this much before its first word."""

_CUE_COST = 2.0
_UNEVEN_COST = 1.0


@dataclass(frozen=True, slots=True)
class CueRules:
    """What a cue may be.

    Attributes:
        columns: Of a line; texts of full-width characters have at most 32 (16 characters).
        lines: Of a cue, 1 or 2.
        reading_speed: Characters a second; cues last longer into the silence that follows to keep it.
        min_s: A cue lasts at least so long, where the next one leaves room.
        max_s: A cue lasts at most so long.
        gap_s: Between two cues: two frames at 24 a second.
        pause_s: A cue does not go on over a pause of this length.
        speaker_labels: Whether each change of speaker is named; None: where more than one speaks.
    """

    columns: int = 42
    lines: int = 2
    reading_speed: float = 17.0
    min_s: float = 5 / 6
    max_s: float = 7.0
    gap_s: float = 2 / 24
    pause_s: float = 1.0
    speaker_labels: bool | None = None


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle.

    Attributes:
        start_s: Shown from here on; whole milliseconds.
        end_s: Until here, later than the start.
        lines: Its text.
        speaker: Name of the speaker; empty where none is to be named.
        words: Its words with their own times.
    """

    start_s: float
    end_s: float
    lines: tuple[str, ...]
    speaker: str
    words: tuple[ScriptWord, ...]


def cues(document: AnalysisDocument, rules: CueRules | None = None) -> list[Cue]:
    """Cues in the order of their times, never overlapping; none where nothing was said."""
    rules = rules or CueRules()
    script = phrases(document)
    speakers = {phrase.speaker_id for phrase in script} - {""}
    labels = rules.speaker_labels if rules.speaker_labels is not None else len(speakers) > 1
    groups = [(phrase, group) for phrase in script for group in _groups(phrase, rules, labelled=labels)]
    spans = _spans([group for _, group in groups], rules)
    return [
        Cue(start_s, end_s, tuple(text), speaker_name(phrase.speaker_id) if labels else "", group.words)
        for (phrase, group), (start_s, end_s), text in zip(groups, spans, (group.lines for _, group in groups), strict=True)
    ]


def speaker_name(speaker_id: str) -> str:
    """A speaker's id as people read it: "speaker_1" is "Speaker 1"."""
    name = speaker_id.replace("_", " ").strip()
    return name[:1].upper() + name[1:]


@dataclass(frozen=True, slots=True)
class _Group:
    """Words of one cue, in its lines."""

    words: tuple[ScriptWord, ...]
    lines: tuple[str, ...]


def _groups(phrase: Phrase, rules: CueRules, *, labelled: bool) -> list[_Group]:
    """The phrase in as few cues as it takes, broken where one would breathe: shortest path over the words."""
    most = _columns(phrase, rules)
    if labelled and phrase.speaker_id:
        # Room for the label that SRT writes before the text.
        most = max(most // 2, most - width(speaker_name(phrase.speaker_id)) - 3)
    words = [piece for word in phrase.words for piece in _pieces(word, most)]
    best: list[tuple[float, int, tuple[str, ...]]] = [(0.0, 0, ())]
    for end in range(1, len(words) + 1):
        options = []
        for start in range(end - 1, -1, -1):
            if end - start > 1 and not _belong(words[start:end], rules):
                break
            text = lines([(word.text, word.glue) for word in words[start:end]], most, rules.lines)
            if text is None:
                break
            fill = sum(map(width, text)) / (most * rules.lines)
            ending = break_cost(words[end - 1].text) if end < len(words) else 0.0
            options.append((best[start][0] + _CUE_COST + ending + _UNEVEN_COST * (1 - fill) ** 2, start, tuple(text)))
        best.append(min(options))
    groups: list[_Group] = []
    end = len(words)
    while end:
        _, start, chosen = best[end]
        groups.append(_Group(tuple(words[start:end]), chosen))
        end = start
    return groups[::-1]


def _columns(phrase: Phrase, rules: CueRules) -> int:
    text = "".join(word.text for word in phrase.words)
    is_wide = width(text) - len(text) > _WIDE_SHARE * len(text)
    return min(rules.columns, _WIDE_COLUMNS) if is_wide else rules.columns


def _belong(words: Sequence[ScriptWord], rules: CueRules) -> bool:
    """Whether the words may stand in one cue, but for their text."""
    if words[-1].end_s - words[0].start_s > rules.max_s:
        return False
    return all(after.start_s - before.end_s < rules.pause_s for before, after in pairwise(words))


def _pieces(word: ScriptWord, most: int) -> list[ScriptWord]:
    """The word, or its pieces where no line can hold it; they share its time in proportion."""
    if width(word.text) <= most:
        return [word]
    texts = chopped(word.text, most)
    step_s = (word.end_s - word.start_s) / len(texts)
    return [
        ScriptWord(
            text,
            word.glue if not index else "",
            word.start_s + index * step_s,
            word.start_s + (index + 1) * step_s,
            word.speaker_id,
        )
        for index, text in enumerate(texts)
    ]


def _spans(groups: Sequence[_Group], rules: CueRules) -> list[tuple[float, float]]:
    """When each cue is shown: with its words, longer where it could not be read, never into the next one."""
    starts = [group.words[0].start_s for group in groups]
    spans: list[tuple[float, float]] = []
    for index, group in enumerate(groups):
        before_s = spans[-1][1] + rules.gap_s if spans else 0.0
        next_s = starts[index + 1] - rules.gap_s if index + 1 < len(groups) else float("inf")
        needed_s = max(rules.min_s, sum(map(width, group.lines)) / rules.reading_speed)
        start_s = max(starts[index], before_s)
        end_s = max(word.end_s for word in group.words)
        end_s = min(max(end_s, start_s + min(needed_s, rules.max_s)), max(next_s, start_s), start_s + rules.max_s)
        if end_s - start_s < needed_s:
            start_s = max(before_s, start_s - min(_EARLY_S, needed_s - (end_s - start_s)), 0.0)
        start_s = round(start_s, 3)
        # Words may come in the same millisecond, or out of order: even then cues follow one another.
        spans.append((start_s, max(round(end_s, 3), round(start_s + 0.001, 3))))
    return spans
