"""Subtitles of made transcripts, read back by parsers that are not ours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import av
import pytest
import srt as srt_parser
import webvtt

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Segment
from reelscope.speech.v1.details_pb2 import UtteranceDetail, Word
from reelscope_gateway.exports.cues import CueRules, cues
from reelscope_gateway.exports.lines import width
from reelscope_gateway.exports.subtitles import srt, vtt

RULES = CueRules()
ENGLISH = (
    "And so, my fellow Americans, ask not what your country can do for you; ask what you can do for your country. "
    "It was a bright cold day in April, and the clocks were striking thirteen."
)
CHINESE = "广州市房地产中介协会分析，今天的天气非常好，我们一起去公园散步吧。"  # noqa: RUF001 - as it is written


def utterance(words: Sequence[str], start_s: float, *, glue: str = " ", per_word_s: float = 0.3, speaker: str = "") -> Segment:
    timed = [
        Word(text=text, start_s=start_s + index * per_word_s, end_s=start_s + (index + 0.9) * per_word_s, speaker_id=speaker)
        for index, text in enumerate(words)
    ]
    detail = UtteranceDetail(text=glue.join(words), words=timed, speaker_id=speaker)
    return Segment(start_s=start_s, end_s=timed[-1].end_s if timed else start_s, utterance=detail)


def document(*segments: Segment) -> AnalysisDocument:
    made = AnalysisDocument()
    made.analyzer_results["speech_transcription"].status = "succeeded"
    made.analyzer_results["speech_transcription"].segments.extend(segments)
    return made


def read_vtt(text: str, folder: Path) -> list[webvtt.Caption]:
    path = folder / "made.vtt"
    path.write_text(text, encoding="utf-8")
    return list(webvtt.read(str(path)))


def spoken(text: str) -> str:
    return "".join(text.split())


def test_srt_is_read_by_a_parser(tmp_path: Path) -> None:
    made = srt(document(utterance(ENGLISH.split(), 1.0)))
    parsed = list(srt_parser.parse(made, ignore_errors=False))
    assert [cue.index for cue in parsed] == list(range(1, len(parsed) + 1))
    assert parsed[0].start == timedelta(seconds=1)
    assert spoken("".join(cue.content for cue in parsed)) == spoken(ENGLISH)
    assert all(len(line) <= 42 for cue in parsed for line in cue.content.split("\n"))
    path = tmp_path / "made.srt"
    path.write_text(made, encoding="utf-8")
    with av.open(str(path)) as container:
        assert len(container.streams.subtitles) == 1, "FFmpeg takes it for subtitles"
        assert sum(packet.size > 0 for packet in container.demux()) == len(parsed)


def test_vtt_is_read_by_a_parser(tmp_path: Path) -> None:
    segments = [utterance(["Hi", "<b>", "&", "-->", "there."], 1.0, speaker="speaker_1")]
    segments.append(utterance(["Hello!"], 3600 * 101.0, speaker="speaker_2"))
    parsed = read_vtt(vtt(document(*segments)), tmp_path)
    assert [cue.voice for cue in parsed] == ["Speaker 1", "Speaker 2"]
    assert "Hi &lt;b&gt; &amp; --&gt; there." in vtt(document(*segments))
    assert parsed[1].start == "101:00:00.000"
    assert parsed[0].end_in_seconds >= 1.0 + 5 / 6


def test_nothing_said_is_a_valid_empty_file(tmp_path: Path) -> None:
    for made in (document(), AnalysisDocument()):
        assert srt(made) == ""
        assert read_vtt(vtt(made), tmp_path) == []
        assert vtt(made).startswith("WEBVTT")


def test_speakers_are_named_where_they_change_and_only_if_there_are_several() -> None:
    both = document(
        utterance(["How", "are", "you?"], 0.0, speaker="speaker_1"),
        utterance(["Fine."], 2.0, speaker="speaker_2"),
        utterance(["And", "you?"], 4.0, speaker="speaker_2"),
    )
    texts = [cue.content for cue in srt_parser.parse(srt(both))]
    assert texts == ["[Speaker 1] How are you?", "[Speaker 2] Fine.", "And you?"]
    alone = document(utterance(["Hello."], 0.0, speaker="speaker_1"))
    assert [cue.content for cue in srt_parser.parse(srt(alone))] == ["Hello."]
    named = srt(alone, CueRules(speaker_labels=True))
    assert [cue.content for cue in srt_parser.parse(named)] == ["[Speaker 1] Hello."]


def test_lines_break_where_one_would_breathe() -> None:
    text = "When the rain had stopped at last, they walked slowly back to the old house."
    (cue,) = cues(document(utterance(text.split(), 0.0)))
    assert cue.lines == ("When the rain had stopped at last,", "they walked slowly back to the old house.")


def test_chinese_has_sixteen_characters_a_line() -> None:
    made = cues(document(utterance(list(CHINESE), 0.0, glue="", per_word_s=0.2)))
    assert "".join(line for cue in made for line in cue.lines) == CHINESE
    assert max(width(line) for cue in made for line in cue.lines) <= 32


def test_a_pause_ends_a_cue_and_a_short_cue_lasts_into_it() -> None:
    first, second = utterance(["One"], 0.0), utterance(["two"], 5.0)
    words = Segment(start_s=0.0, end_s=6.0, utterance=UtteranceDetail(text="One two"))
    words.utterance.words.extend([*first.utterance.words, *second.utterance.words])
    made = cues(document(words))
    assert [cue.lines for cue in made] == [("One",), ("two",)]
    assert made[0].end_s == pytest.approx(5 / 6, abs=0.002)


def test_utterances_without_word_times_share_theirs() -> None:
    made = cues(document(Segment(start_s=2.0, end_s=12.0, utterance=UtteranceDetail(text=ENGLISH))))
    assert spoken("".join(line for cue in made for line in cue.lines)) == spoken(ENGLISH)
    assert 1.8 <= made[0].start_s <= 2.0
    assert made[-1].end_s >= 12.0


def test_words_have_their_times_in_karaoke() -> None:
    text = vtt(document(utterance(["One", "two", "three."], 1.0, per_word_s=0.5)), word_times=True)
    assert "One <00:00:01.500>two <00:00:02.000>three." in text


@pytest.mark.parametrize("seed", range(25))
def test_every_rule_holds_for_any_transcript(seed: int, tmp_path: Path) -> None:
    """Made transcripts with overlapping, unordered, zero-length and very fast words, long words and several speakers."""
    dice = random.Random(seed)
    vocabulary = ["a", "is", "I", "the", "country", "ask,", "you.", "international", "x" * 60, "日本語", "wait…", "—", "عربي"]
    segments, at = [], 0.0
    for _ in range(dice.randint(1, 12)):
        words = dice.choices(vocabulary, k=dice.randint(1, 60))
        per_word_s = dice.choice([0.0, 0.05, 0.2, 0.4, 1.5])
        segments.append(utterance(words, at, per_word_s=per_word_s, speaker=dice.choice(["", "speaker_1", "speaker_2"])))
        at += dice.uniform(-0.5, 3.0) + len(words) * per_word_s
        at = max(0.0, at)
    made = document(*segments)
    found = cues(made)
    said = "".join(word.text for segment in sorted(segments, key=lambda s: s.start_s) for word in segment.utterance.words)
    assert spoken("".join(line for cue in found for line in cue.lines)) == spoken(said), "no word is lost or doubled"
    for cue in found:
        assert 1 <= len(cue.lines) <= RULES.lines
        assert all(0 < width(line) <= RULES.columns for line in cue.lines)
        assert 0 <= cue.start_s < cue.end_s
        assert len({word.speaker_id for word in cue.words}) == 1
    for before, after in pairwise(found):
        assert before.end_s <= after.start_s
        if after.start_s - before.end_s > 1.0:
            # There was room: the cue can be read, or is as long as a cue may be.
            columns = sum(map(width, before.lines))
            lasts_s = before.end_s - before.start_s
            assert (
                lasts_s
                >= min(
                    RULES.max_s,
                    columns / RULES.reading_speed,
                )
                - 0.01
            )
            assert lasts_s >= RULES.min_s - 0.01
    parsed = list(srt_parser.parse(srt(made), ignore_errors=False))
    assert len(parsed) == len(found)
    assert len(read_vtt(vtt(made), tmp_path)) == len(found)
