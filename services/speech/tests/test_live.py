"""Live audio: resampling, agreement, and real speech as it comes in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from speech_lab import OnnxSession, decode, media_path

from reelscope_runtime.errors import InvalidRequestError
from reelscope_speech.live.agreement import Agreement
from reelscope_speech.live.resampler import RATE, Resampler
from reelscope_speech.live.transcriber import LiveTranscriber, Update
from reelscope_speech.loaders import LoadedWhisper
from reelscope_speech.transcription.words import TimedWord

JFK_TEXT = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
JFK = JFK_TEXT.split()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("chunk", [37, 4000])
def test_a_tone_comes_through_at_its_place(rate: int, chunk: int) -> None:
    seconds, hz = 0.5, 1000.0
    samples = (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
    resampler = Resampler(rate)
    parts = [resampler.feed(samples[first : first + chunk]) for first in range(0, len(samples), chunk)]
    out = np.concatenate([*parts, resampler.finish()])
    assert len(out) == pytest.approx(seconds * RATE, abs=2)
    expected = 0.5 * np.sin(2 * np.pi * hz * np.arange(len(out)) / RATE)
    inner = slice(200, -200)
    assert np.abs(out[inner] - expected[inner]).max() < 2e-3


def test_what_lies_above_the_band_is_gone() -> None:
    samples = (0.5 * np.sin(2 * np.pi * 12000 * np.arange(24000) / 48000)).astype(np.float32)
    out = Resampler(48000).feed(samples)
    assert np.abs(out[200:-200]).max() < 1e-3


def words(text: str, start_s: float = 0.0) -> list[TimedWord]:
    return [TimedWord(f" {word}", start_s + at * 0.3, start_s + at * 0.3 + 0.25, 0.9) for at, word in enumerate(text.split())]


def texts(found: list[TimedWord]) -> str:
    return " ".join(word.text.strip() for word in found)


def test_two_readings_make_a_word_final() -> None:
    agreement = Agreement()
    assert not agreement.hear(words("ask but"))
    assert agreement.interim == "ask but"
    assert texts(agreement.hear(words("Ask, not what"))) == "Ask,"
    assert agreement.interim == "not what"
    assert texts(agreement.hear(words("ask not what your"))) == "not what"
    assert texts(agreement.settle(words("ask not what your country"))) == "your country"
    assert agreement.interim == ""


def test_words_that_come_again_a_little_later_are_not_doubled() -> None:
    agreement = Agreement()
    agreement.hear(words("we need to"))
    assert texts(agreement.hear(words("we need to travel"))) == "we need to"
    late = words("need to travel far", start_s=0.5)
    assert texts(agreement.settle(late)) == "travel far"


def test_the_clock_never_goes_back() -> None:
    agreement = Agreement()
    first = agreement.settle([TimedWord(" a", 0.0, 1.0, 1.0), TimedWord(" b", 0.8, 0.9, 1.0)])
    assert [(word.start_s, word.end_s) for word in first] == [(0.0, 1.0), (1.0, 1.0)]


def run(live: LiveTranscriber, samples: NDArray[np.float32], chunk: int) -> list[Update]:
    updates = [update for first in range(0, len(samples), chunk) for update in live.feed(samples[first : first + chunk])]
    return updates + live.finish()


@pytest.mark.parametrize("chunk_s", [0.1, 1.0])
def test_words_come_while_the_audio_goes_in(whisper_model: LoadedWhisper, vad_model: OnnxSession, chunk_s: float) -> None:
    samples = decode(media_path("speech/jfk_en.flac"))
    updates = run(LiveTranscriber(whisper_model, vad_model, sample_rate=16000), samples, round(chunk_s * 16000))
    final = [word for update in updates for word in update.final]
    said = ["".join(letter for letter in word.text.casefold() if letter.isalpha()) for word in final]
    assert sum(a != b for a, b in zip(said, JFK, strict=False)) + abs(len(said) - len(JFK)) <= 2, said
    first = next(update for update in updates if update.final)
    assert first.audio_s < 4.0, "of eleven seconds"
    assert all(before.end_s <= after.start_s for before, after in pairwise(final))
    assert all(before.audio_s <= after.audio_s for before, after in pairwise(updates))
    assert {update.language for update in updates if update.final} == {"en"}
    assert any(update.interim for update in updates)
    assert updates[-1].interim == ""


def test_silence_and_noise_have_no_words(whisper_model: LoadedWhisper, vad_model: OnnxSession) -> None:
    noise = (0.01 * np.random.default_rng(0).standard_normal(5 * 16000)).astype(np.float32)
    for samples in (np.zeros(5 * 16000, np.float32), noise):
        assert not [
            word
            for update in run(LiveTranscriber(whisper_model, vad_model, sample_rate=16000), samples, 4000)
            for word in update.final
        ]


def test_memory_is_bounded(whisper_model: LoadedWhisper, vad_model: OnnxSession) -> None:
    live = LiveTranscriber(whisper_model, vad_model, sample_rate=16000)
    for _ in range(300):
        live.feed(np.zeros(16000, np.float32))
    assert len(live._samples) <= 3 * 16000
    assert live.audio_s == pytest.approx(300)


def test_a_language_that_nobody_knows(whisper_model: LoadedWhisper, vad_model: OnnxSession) -> None:
    with pytest.raises(InvalidRequestError, match="xx-klingon"):
        LiveTranscriber(whisper_model, vad_model, sample_rate=16000, language="xx-klingon")
