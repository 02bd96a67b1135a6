"""The transcript of a document as a run of timed words, whatever the recogniser left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Segment

TRANSCRIPTION = "speech_transcription"


@dataclass(frozen=True, slots=True)
class ScriptWord:
    """A word of the transcript.

    Attributes:
        text: With its punctuation, without spaces about it.
        glue: What stands between it and the word before: a space, or nothing.
        start_s: Start.
        end_s: End, never before the start.
        speaker_id: Who says it; empty where it is not known.
    """

    text: str
    glue: str
    start_s: float
    end_s: float
    speaker_id: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words of one utterance by one speaker.

    Attributes:
        words: At least one.
    """

    words: tuple[ScriptWord, ...]

    @property
    def speaker_id(self) -> str:
        """Who says it."""
        return self.words[0].speaker_id


def phrases(document: AnalysisDocument) -> list[Phrase]:
    """The transcript's phrases in the order of their times; none where there is no transcript."""
    found: list[Phrase] = []
    segments = document.analyzer_results[TRANSCRIPTION].segments if TRANSCRIPTION in document.analyzer_results else ()
    for segment in sorted(segments, key=lambda segment: segment.start_s):
        words: list[ScriptWord] = []
        for word in _words(segment):
            if words and words[-1].speaker_id != word.speaker_id:
                found.append(Phrase(tuple(words)))
                words = []
            words.append(word)
        if words:
            found.append(Phrase(tuple(words)))
    return found


def _words(segment: Segment) -> Iterable[ScriptWord]:
    utterance = segment.utterance
    texts = [" ".join(word.text.split()) for word in utterance.words]
    if not any(texts):
        yield from _spread(segment)
        return
    for (text, glue), word in zip(_glued(utterance.text, texts), utterance.words, strict=True):
        if text:
            end_s = max(word.start_s, word.end_s)
            yield ScriptWord(text, glue, word.start_s, end_s, word.speaker_id or utterance.speaker_id)


def _glued(whole: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Each word with what stands before it in the utterance's text; a space where the text does not have the word."""
    glued: list[tuple[str, str]] = []
    at = 0
    for text in texts:
        found = whole.find(text, at) if text else -1
        if found < 0:
            glued.append((text, " "))
            continue
        glued.append((text, " " if whole[at:found].strip() == "" and found > at else "" if found == at and at else " "))
        at = found + len(text)
    return glued


def _spread(segment: Segment) -> Iterable[ScriptWord]:
    """Words without times: the utterance's time in proportion to their letters."""
    text = " ".join(segment.utterance.text.split())
    if not text:
        return
    has_spaces = " " in text
    pieces = text.split() if has_spaces else list(text)
    total = sum(len(piece) for piece in pieces)
    length_s = max(0.0, segment.end_s - segment.start_s)
    done = 0
    for piece in pieces:
        start_s = segment.start_s + length_s * done / total
        done += len(piece)
        end_s = segment.start_s + length_s * done / total
        yield ScriptWord(piece, " " if has_spaces else "", start_s, end_s, segment.utterance.speaker_id)
