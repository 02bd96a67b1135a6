"""Who says each word: speaker_diarization's turns written into speech_transcription's utterances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Segment

TRANSCRIPTION = "speech_transcription"
DIARIZATION = "speaker_diarization"

NEAR_S = 0.5
"""A word beside a turn belongs to it: turns are cut to 10 ms, words are aligned to 100."""


def name_speakers(document: AnalysisDocument) -> None:
    """Gives each word the speaker of the turn that it shares most time with, and each utterance the one of most of its words.

    An utterance of several speakers is cut where the speaker changes, so that each has one.
    """
    results = document.analyzer_results
    if TRANSCRIPTION not in results or DIARIZATION not in results or results[DIARIZATION].status != "succeeded":
        return
    turns = [segment for segment in results[DIARIZATION].segments if segment.speaker.speaker_id]
    if not turns:
        return
    transcript = results[TRANSCRIPTION]
    named = [part for segment in transcript.segments for part in _named(segment, turns)]
    del transcript.segments[:]
    transcript.segments.extend(named)


def _named(segment: Segment, turns: Sequence[Segment]) -> list[Segment]:
    words = segment.utterance.words
    if not words:
        segment.utterance.speaker_id = _speaker(segment.start_s, segment.end_s, turns)
        return [segment]
    for word in words:
        word.speaker_id = _speaker(word.start_s, word.end_s, turns)
    speakers = [word.speaker_id for word in words]
    cuts = [at for at in range(1, len(words)) if speakers[at] != speakers[at - 1] and speakers[at] and speakers[at - 1]]
    texts = _texts(segment, cuts)
    if not cuts or texts is None:
        segment.utterance.speaker_id = _majority(speakers)
        return [segment]
    parts = []
    for (first, beyond), text in zip(_spans(cuts, len(words)), texts, strict=True):
        part = Segment()
        part.CopyFrom(segment)
        del part.utterance.words[:]
        part.utterance.words.extend(words[first:beyond])
        part.utterance.text = text
        part.utterance.speaker_id = _majority(speakers[first:beyond])
        part.start_s, part.end_s = words[first].start_s, max(word.end_s for word in words[first:beyond])
        parts.append(part)
    return parts


def _speaker(start_s: float, end_s: float, turns: Sequence[Segment]) -> str:
    """Of the turn with the largest overlap, else of the nearest one within reach."""
    best = max(turns, key=lambda turn: (min(end_s, turn.end_s) - max(start_s, turn.start_s), -turn.start_s))
    overlap_s = min(end_s, best.end_s) - max(start_s, best.start_s)
    speaker: str = best.speaker.speaker_id
    return speaker if overlap_s > -NEAR_S else ""


def _majority(speakers: Sequence[str]) -> str:
    known = Counter(speaker for speaker in speakers if speaker)
    return known.most_common(1)[0][0] if known else ""


def _spans(cuts: Sequence[int], count: int) -> list[tuple[int, int]]:
    edges = [0, *cuts, count]
    return list(pairwise(edges))


def _texts(segment: Segment, cuts: Sequence[int]) -> list[str] | None:
    """The utterance's text between the cuts; None where its words do not stand in it one after the other."""
    text, words = segment.utterance.text, segment.utterance.words
    starts, at = [], 0
    for word in words:
        found = text.find(word.text.strip(), at)
        if found < 0:
            return None
        starts.append(found)
        at = found + len(word.text.strip())
    edges = [0, *(starts[cut] for cut in cuts), len(text)]
    return [text[low:high].strip() for low, high in pairwise(edges)]
