"""Words of real speech against what was said, scored as the field does: normalised text, word or character error rate."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import jiwer
import numpy as np
import pytest
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from support import sound
from support.engine import Bench

RATE = 16000
JFK = "And so my fellow Americans ask not what your country can do for you ask what you can do for your country"
ENGLISH = {"speech/jfk_en.flac": JFK, "speech/sr_english_one_two_three.wav": "one two three"}
GRID = {"talking/grid_bbaf2n.mpg": "bin blue at f two now", "talking/grid_lwbsza.mpg": "lay white by s zero again"}
"""Six words without a sense, from a closed list: read out of context."""
EUROPEAN = {"es": 0.25, "de": 0.25, "fr": 0.25}
BY_CHARACTER = {
    "speech/leopard_test_ja.wav": "客観的実在の判断的知識が成立するのである",
    "speech/wenet_aishell_zh.wav": "广州市房地产中介协会分析",
    "speech/stt_ru.wav": "бедняга ребят на его месте должен был быть я",  # noqa: RUF001 - Russian
}
LANGUAGES = {
    "speech/jfk_en.flac": "en",
    "speech/leopard_test_es.wav": "es",
    "speech/leopard_test_de.wav": "de",
    "speech/leopard_test_fr.wav": "fr",
    "speech/leopard_test_ja.wav": "ja",
    "speech/stt_ru.wav": "ru",
    "speech/wenet_aishell_zh.wav": "zh",
}
NO_SPEECH = ("max_jazz_guitar.wav", "max_rain.wav", "max_thunder.wav", "max_typing.wav", "audiomentations_hens.ogg")
ENGLISH_FORM, PLAIN_FORM = EnglishTextNormalizer(), BasicTextNormalizer()
DIGITS = dict(zip("0123456789", ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True))
"""The English normaliser takes counted-out numbers for one number: "one two three" is 123 to it, "1, 2, 3" is not."""


def heard(speech: Bench, path: Path) -> AnalyzerResult:
    result = speech.analyze_once(path, "speech_transcription")["speech_transcription"]
    assert result.status == "succeeded", result.problem
    return result


def text_of(speech: Bench, path: Path) -> str:
    return str(heard(speech, path).summary.utterance.text)


def truths() -> dict[str, dict[str, object]]:
    path = Path(__file__).resolve().parents[3] / "shared" / "media" / "speech" / "leopard_test_data.json"
    tests = json.loads(path.read_text(encoding="utf-8"))["tests"]["language_tests"]
    return {test["language"]: test for test in tests}


@pytest.mark.parametrize("name", ENGLISH)
def test_english_words(name: str, speech: Bench, shared_media: Path) -> None:
    said = " ".join(DIGITS.get(word, word) for word in PLAIN_FORM(text_of(speech, shared_media / name)).split())
    assert jiwer.wer(PLAIN_FORM(ENGLISH[name]), said) <= 0.10, said


def test_words_without_a_sense(speech: Bench, shared_media: Path) -> None:
    said = [ENGLISH_FORM(text_of(speech, shared_media / name)) for name in GRID]
    assert jiwer.wer([ENGLISH_FORM(truth) for truth in GRID.values()], said) <= 0.35, said


@pytest.mark.parametrize("language", EUROPEAN)
def test_words_of_other_languages(language: str, speech: Bench, shared_media: Path) -> None:
    truth = str(truths()[language]["transcript"])
    said = text_of(speech, shared_media / "speech" / f"leopard_test_{language}.wav")
    assert jiwer.wer(PLAIN_FORM(truth), PLAIN_FORM(said)) <= EUROPEAN[language], said


@pytest.mark.parametrize("name", BY_CHARACTER)
def test_characters_of_languages_without_spaces_and_russian(name: str, speech: Bench, shared_media: Path) -> None:
    said = "".join(PLAIN_FORM(text_of(speech, shared_media / name)).split())
    assert jiwer.cer("".join(PLAIN_FORM(BY_CHARACTER[name]).split()), said) <= 0.35, said


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_language_is_told(name: str, speech: Bench, shared_media: Path) -> None:
    summary = heard(speech, shared_media / name).summary.utterance
    assert summary.language.partition("-")[0] == LANGUAGES[name]
    assert summary.language_probability > 0.5


def test_word_times(speech: Bench, shared_media: Path) -> None:
    """Words that were understood, at their starts and ends: 150 ms at the median in every language."""
    for language in ("es", "de", "fr"):
        result = heard(speech, shared_media / "speech" / f"leopard_test_{language}.wav")
        ours = [
            (PLAIN_FORM(word.text).strip(), word.start_s, word.end_s)
            for segment in result.segments
            for word in segment.utterance.words
        ]
        errors = []
        for word in truths()[language]["words"]:  # type: ignore[attr-defined]
            near = [one for one in ours if one[0] == PLAIN_FORM(word["word"]).strip()]
            if near:
                best = min(near, key=lambda one: abs(one[1] - word["start_sec"]))
                errors += [abs(best[1] - word["start_sec"]), abs(best[2] - word["end_sec"])]
        assert len(errors) >= 12, "half of the words at least"
        assert median(errors) <= 0.15


@pytest.mark.parametrize("language", EUROPEAN)
def test_words_a_minute(language: str, speech: Bench, shared_media: Path) -> None:
    """From the first word's start to the last one's end, as the truth has them."""
    words = truths()[language]["words"]
    truth = 60 * len(words) / (words[-1]["end_sec"] - words[0]["start_sec"])  # type: ignore[arg-type, index]
    path = shared_media / "speech" / f"leopard_test_{language}.wav"
    found = speech.analyze_once(path, "speech_rate")["speech_rate"].summary.rate
    assert found.words_per_minute == pytest.approx(truth, rel=0.05)
    assert found.articulation_rate >= found.syllables_per_s > 3


@pytest.mark.parametrize("name", NO_SPEECH)
def test_no_words_where_nobody_speaks(name: str, speech: Bench, shared_media: Path) -> None:
    result = heard(speech, shared_media / "sound" / name)
    assert not result.segments
    assert all(entry.reason and entry.text for entry in result.summary.utterance.rejected)


@pytest.mark.parametrize("level_db", [None, -60, -40, -20])
@pytest.mark.parametrize("color", ["white", "brown"])
def test_no_words_in_silence_and_room_noise(level_db: float | None, color: str, speech: Bench, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(8 * RATE)
    if color == "brown":
        noise = np.cumsum(noise) - np.linspace(0, np.sum(noise), len(noise))
    gain = 0.0 if level_db is None else 10 ** (level_db / 20) / np.std(noise)
    path = sound.write(tmp_path / "noise.wav", (gain * noise).astype(np.float32)[None], RATE)
    assert not heard(speech, path).segments


@pytest.mark.parametrize(("gain_db", "snr_db"), [(-30, None), (0, 10), (-20, 20)])
def test_quiet_and_noisy_speech_is_understood(
    gain_db: float, snr_db: float | None, speech: Bench, shared_media: Path, tmp_path: Path
) -> None:
    """On average over three noises: in one of them, what is heard differs by two words from one processor to another."""
    clean = sound.read(shared_media / "speech" / "jfk_en.flac", RATE)[0]
    rates = []
    for seed in range(1, 4) if snr_db is not None else [0]:
        samples = clean
        if snr_db is not None:
            noise = np.random.default_rng(seed).standard_normal(len(clean)).astype(np.float32)
            samples = clean + noise * np.std(clean) * 10 ** (-snr_db / 20)
        path = sound.write(tmp_path / f"made{seed}.wav", (samples * 10 ** (gain_db / 20) * 0.7).astype(np.float32)[None], RATE)
        rates.append(jiwer.wer(ENGLISH_FORM(JFK), ENGLISH_FORM(text_of(speech, path))))
    assert np.mean(rates) <= 0.10, rates
