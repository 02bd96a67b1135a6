"""Facts that join results, on made documents."""

from __future__ import annotations

import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Segment
from reelscope.audio.v1.details_pb2 import MusicDetail
from reelscope.speech.v1.details_pb2 import SpeakerDetail, UtteranceDetail, Word
from reelscope.vision.v1.details_pb2 import CutDetail
from reelscope_gateway.fusion import fuse


def turn(start_s: float, end_s: float, speaker: str) -> Segment:
    return Segment(start_s=start_s, end_s=end_s, speaker=SpeakerDetail(speaker_id=speaker))


def talk(*turns: Segment, status: str = "succeeded") -> AnalysisDocument:
    """Six words of one second each, "a b c, d e f"."""
    document = AnalysisDocument()
    words = [Word(text=text, start_s=at, end_s=at + 0.9) for at, text in enumerate(("a", "b", "c,", "d", "e", "f"))]
    detail = UtteranceDetail(text="a b c, d e f", words=words, language="en")
    transcript = document.analyzer_results["speech_transcription"]
    transcript.status = "succeeded"
    transcript.segments.append(Segment(start_s=0, end_s=5.9, confidence=0.8, utterance=detail))
    diarization = document.analyzer_results["speaker_diarization"]
    diarization.status = status
    diarization.segments.extend(turns)
    return document


def test_words_get_their_speakers_and_utterances_are_cut_between_them() -> None:
    document = talk(turn(0, 3.0, "speaker_1"), turn(3.0, 6.0, "speaker_2"))
    fuse(document)
    first, second = document.analyzer_results["speech_transcription"].segments
    assert (first.utterance.text, first.utterance.speaker_id) == ("a b c,", "speaker_1")
    assert (second.utterance.text, second.utterance.speaker_id) == ("d e f", "speaker_2")
    assert (first.start_s, first.end_s) == (0, pytest.approx(2.9))
    assert (second.start_s, second.end_s) == (3, pytest.approx(5.9))
    assert {word.speaker_id for word in second.utterance.words} == {"speaker_2"}
    assert second.utterance.language == "en"
    assert second.confidence == pytest.approx(0.8)


def test_it_is_the_same_however_often_it_is_done() -> None:
    document = talk(turn(0, 2.2, "speaker_1"), turn(2.2, 6.0, "speaker_2"))
    fuse(document)
    once = document.SerializeToString(deterministic=True)
    fuse(document)
    assert document.SerializeToString(deterministic=True) == once


def test_a_word_between_turns_belongs_to_the_near_one_and_far_ones_to_nobody() -> None:
    document = talk(turn(0, 1.8, "speaker_1"))
    fuse(document)
    (only,) = document.analyzer_results["speech_transcription"].segments
    assert [word.speaker_id for word in only.utterance.words] == ["speaker_1", "speaker_1", "speaker_1", "", "", ""]
    assert only.utterance.speaker_id == "speaker_1"


@pytest.mark.parametrize("status", ["failed", "cancelled", "unavailable"])
def test_without_diarization_nobody_is_named(status: str) -> None:
    document = talk(turn(0, 6, "speaker_1"), status=status)
    fuse(document)
    (only,) = document.analyzer_results["speech_transcription"].segments
    assert not only.utterance.speaker_id


def music(cuts: dict[float, str], beats: list[float], start_s: float = 0.0) -> AnalysisDocument:
    document = AnalysisDocument()
    cut_analysis = document.analyzer_results["cut_analysis"]
    cut_analysis.status = "succeeded"
    cut_analysis.segments.extend(
        Segment(start_s=time_s, end_s=time_s, cut=CutDetail(kind=kind, time_s=time_s)) for time_s, kind in cuts.items()
    )
    found = document.analyzer_results["music_analysis"]
    found.status = "succeeded"
    found.summary.music.music_share = 1.0
    found.segments.append(Segment(start_s=start_s, end_s=10.0, music=MusicDetail(beats=beats)))
    return document


BEATS = [0.5 * at for at in range(20)]


def test_cuts_are_counted_against_the_beats() -> None:
    document = music({1.0: "hard", 2.07: "hard", 3.25: "jump", 4.25: "dissolve", 30.0: "hard"}, BEATS)
    fuse(document)
    assert document.analyzer_results["music_analysis"].summary.music.cuts_on_beat_share == pytest.approx(2 / 3)


@pytest.mark.parametrize("document", [music({}, BEATS), music({1.0: "hard"}, []), music({1.0: "hard"}, BEATS, start_s=2.0)])
def test_without_cuts_in_music_there_is_no_share(document: AnalysisDocument) -> None:
    fuse(document)
    assert not document.analyzer_results["music_analysis"].summary.music.HasField("cuts_on_beat_share")
