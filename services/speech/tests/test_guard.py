"""What is thrown away, how words are split and timed, and how a language is settled."""

from __future__ import annotations

import numpy as np
import pytest

from reelscope_speech.features.region_tracker import Region
from reelscope_speech.transcription import guard, language, utterances, word_times
from reelscope_speech.transcription.whisper import compression_ratio
from reelscope_speech.transcription.windows import MAX_WINDOW_S, Window, WindowPacker
from reelscope_speech.transcription.words import Recognition, TimedWord, join


def words(text: str, *, start_s: float = 0.0, step_s: float = 0.3, probability: float = 0.9) -> tuple[TimedWord, ...]:
    return tuple(
        TimedWord(f" {word}", start_s + number * step_s, start_s + (number + 1) * step_s, probability)
        for number, word in enumerate(text.split())
    )


def recognition(text: str, *, log: float = -0.3, no_speech: float = 0.1, ratio: float = 1.2) -> Recognition:
    return Recognition(words(text), log, no_speech, ratio)


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("ask what you can do for your country", False),
        ("no no no", False),
        ("no, no, no, no", True),
        ("thanks for watching thanks for watching thanks for watching thanks for watching", True),
        ("I will be there for you " * 3, True),
        ("I will be there for you " * 2, False),
        ("a rose is a rose is a rose", False),
    ],
)
def test_repetition(text: str, *, is_loop: bool) -> None:
    assert guard.repeats(text.split()) is is_loop


def test_reasons_for_a_window() -> None:
    assert guard.reject_window(recognition("hello there")) == ""
    assert guard.reject_window(recognition("hello there", log=-1.2, no_speech=0.8)) == "no_speech"
    assert guard.reject_window(recognition("hello there", log=-0.5, no_speech=0.8)) == ""
    assert guard.reject_window(recognition("hello there", ratio=2.6)) == "compression_ratio"
    assert guard.reject_window(recognition("la la la la la")) == "repetition"


def test_compression_ratio_of_a_loop() -> None:
    assert compression_ratio("Ask what you can do for your country. " * 8) > guard.MAX_COMPRESSION_RATIO
    assert compression_ratio("And so, my fellow Americans, ask not what your country can do for you") < 1.5
    assert compression_ratio("") == 1


def test_words_outside_of_speech_are_thrown_away() -> None:
    regions = [Region(0, 1, 0.9, 1), Region(5, 6, 0.9, 1)]
    kept, rejected = guard.sift(
        (*words("one two three"), *words("bad words", start_s=2.5), *words("four", start_s=5.2)), regions
    )
    assert join(kept) == "one two three four"
    assert [(entry.text, entry.reason) for entry in rejected] == [("bad words", "outside_speech")]


def test_doubtful_words() -> None:
    assert guard.doubtful(words("what is that", probability=0.1))
    assert not guard.doubtful(words("what is that", probability=0.4))


def test_sentences() -> None:
    said = words("Mr. Quilter is here. Where? At J. Smith's house... he said.")
    assert [join(part) for part in utterances.split(said)] == [
        "Mr. Quilter is here.",
        "Where?",
        "At J. Smith's house...",
        "he said.",
    ]


def test_a_pause_ends_an_utterance() -> None:
    said = (*words("so then"), *words("we went", start_s=2.0))
    assert [join(part) for part in utterances.split(said)] == ["so then", "we went"]


def test_a_long_utterance_ends_at_a_comma() -> None:
    said = words("word " * 45 + "and, then more words follow")
    assert [len(part) for part in utterances.split(said)] == [46, 4]


def test_a_word_gives_up_the_pause_before_it() -> None:
    regions = [Region(0, 1.0, 0.9, 1), Region(2.0, 3, 0.9, 1)]
    late, early = TimedWord(" late", 0.9, 2.4, 1), TimedWord(" early", 0.5, 2.02, 1)
    assert [(word.start_s, word.end_s) for word in word_times.confine([late, early], regions)] == [(2.0, 2.4), (0.5, 1.0)]


def test_a_word_is_cut_to_the_speech() -> None:
    regions = [Region(1.0, 2.0, 0.9, 1)]
    (first, last) = word_times.confine([TimedWord(" first", 0.4, 1.5, 1), TimedWord(" last", 1.5, 2.6, 1)], regions)
    assert (first.start_s, first.end_s, last.start_s, last.end_s) == (1.0, 1.5, 1.5, 2.0)


def test_silence_is_cut_from_a_word() -> None:
    samples = np.zeros(16000, np.float32)
    samples[4800:9600] = 0.1 * np.sin(np.arange(4800) * 0.1)
    (word,) = word_times.tighten([TimedWord(" word", 10.1, 10.7, 1)], samples, 16000, 10.0)
    assert word.start_s == pytest.approx(10.3, abs=0.02)
    assert word.end_s == pytest.approx(10.6, abs=0.02)


def test_language_is_settled_by_enough_speech() -> None:
    vote = language.LanguageVote()
    vote.add({"en": 0.45, "da": 0.55}, 1.0)
    assert vote.best[0] == "da"
    assert not vote.settled
    vote.add({"en": 0.98, "da": 0.01}, 8.0)
    assert vote.best[0] == "en"
    assert vote.settled


def test_tags_and_codes() -> None:
    assert language.to_code("pt-BR") == "pt"
    assert language.to_code("jv") == "jw"
    assert language.to_tag("jw") == "jv"


def test_windows_are_filled_but_never_too_long() -> None:
    packer = WindowPacker()
    windows: list[Window] = []
    for second in range(120):
        start_s = float(second)
        windows += packer.add_region(Region(start_s, start_s + 1, 0.9, 1, continues=True))
        windows += packer.add_audio(start_s, np.zeros(16000, np.float32))
    windows += packer.finish()
    assert all(len(window.samples) / 16000 <= MAX_WINDOW_S + 0.5 for window in windows)
    assert len(windows) == 5
    assert sum(window.speech_s for window in windows) == pytest.approx(120)


def test_a_pause_closes_a_window_while_the_clip_goes_on() -> None:
    packer = WindowPacker()
    windows = [*packer.add_audio(0, np.zeros(16000, np.float32)), *packer.add_region(Region(0.5, 1.8, 0.9, 1))]
    for second in range(1, 5):
        windows += packer.add_audio(second, np.zeros(16000, np.float32))
    assert len(windows) == 1
    assert windows[0].start_s == pytest.approx(0.1)
    assert len(windows[0].samples) / 16000 == pytest.approx(2.1)


def test_what_was_not_read_is_read_again() -> None:
    window = Window(10.0, np.zeros(20 * 16000, np.float32), (Region(10.4, 15, 0.9, 1), Region(20, 29.6, 0.9, 1)))
    rest = window.after(14.8)
    assert rest is not None
    assert [(region.start_s, region.end_s) for region in rest.regions] == [(14.8, 15), (20, 29.6)]
    assert rest.start_s == pytest.approx(14.8)
    assert len(rest.samples) == pytest.approx(15.2 * 16000)
    assert window.after(29.3) is None
