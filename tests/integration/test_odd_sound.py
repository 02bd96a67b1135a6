"""Sound as it comes in real clips: none, silent, in phone quality, in surround, late, short, in a codec that few decode."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.media.items import AudioSpec
from support import sound
from support.engine import Bench

SERVICES = ("audio", "speech")
WORDS = "ask not what your country can do for you"
FIRST_WORD_S = 0.3
"""Where the speech of jfk_en.flac begins, by its waveform."""


@pytest.fixture(scope="module")
def spoken(shared_media: Path) -> sound.Samples:
    """Eleven seconds of one man, mono at 48 kHz."""
    return sound.read(shared_media / "speech" / "jfk_en.flac", 48000)


def analyzed(engines: dict[str, Bench], path: Path) -> dict[str, AnalyzerResult]:
    results = {name: result for service in SERVICES for name, result in engines[service].analyze(path).items()}
    assert all(result.coverage == pytest.approx(1.0) for result in results.values())
    return results


def heard(results: dict[str, AnalyzerResult]) -> str:
    assert {result.status for result in results.values()} == {"succeeded"}, results
    text = results["speech_transcription"].summary.utterance.text.lower()
    return "".join(letter for letter in text if letter.isalpha() or letter == " ")


@pytest.mark.parametrize("service", SERVICES)
def test_each_form_of_the_audio_is_made_once(service: str, engines: dict[str, Bench]) -> None:
    catalog: Catalog = engines[service].catalog
    specs = {node.audio for node in catalog.closure(catalog.analyzers) if node.audio is not None}
    forms = {(spec.sample_rate, spec.mono) for spec in specs}
    assert len(specs) == len(forms), "two specifications of one form would be resampled twice"
    assert all(isinstance(spec, AudioSpec) for spec in specs)


def test_no_audio_is_not_applicable(engines: dict[str, Bench], shared_media: Path) -> None:
    results = analyzed(engines, shared_media / "derived" / "rotated90_metadata_noaudio.mp4")
    for result in results.values():
        assert (result.status, result.problem.code) == ("not_applicable", "no_audio")
        assert not result.segments


def test_silent_audio_has_no_words_no_events_and_no_speakers(engines: dict[str, Bench], tmp_path: Path) -> None:
    path = sound.write(tmp_path / "silent.mkv", np.zeros((2, 5 * 48000), np.float32), 48000, video_s=5)
    results = analyzed(engines, path)
    assert heard(results) == ""
    summary = results["audio_analysis"].summary.audio
    assert summary.digital_silence
    assert summary.silence_share == 1.0
    assert not summary.HasField("integrated_lufs")
    assert [segment.audio.kind for segment in results["audio_analysis"].segments] == ["silence"]
    for name in set(results) - {"audio_analysis"}:
        assert not results[name].segments, name


def test_phone_quality_is_understood(engines: dict[str, Bench], tmp_path: Path, shared_media: Path) -> None:
    path = sound.write(tmp_path / "phone.wav", sound.read(shared_media / "speech" / "jfk_en.flac", 8000), 8000)
    assert WORDS in heard(analyzed(engines, path))


def test_speech_in_the_centre_of_a_surround_mix_is_understood(
    engines: dict[str, Bench], tmp_path: Path, spoken: sound.Samples
) -> None:
    mix = np.zeros((6, spoken.shape[1]), np.float32)
    mix[2] = spoken[0]  # FL FR FC LFE BL BR
    results = analyzed(engines, sound.write(tmp_path / "surround.mkv", mix, 48000, layout="5.1", video_s=11))
    assert WORDS in heard(results)
    alone = analyzed(engines, sound.write(tmp_path / "mono.mkv", spoken, 48000, video_s=11))
    loudness = [result["audio_analysis"].summary.audio.integrated_lufs for result in (results, alone)]
    assert loudness[0] == pytest.approx(loudness[1], abs=0.1), "BS.1770 gives the centre the weight of any front channel"


def test_late_audio_is_late_in_every_result(engines: dict[str, Bench], tmp_path: Path, spoken: sound.Samples) -> None:
    results = analyzed(engines, sound.write(tmp_path / "late.mkv", spoken, 48000, start_s=2.0, video_s=13))
    assert WORDS in heard(results)
    first = results["speech_transcription"].segments[0].utterance.words[0]
    assert first.start_s == pytest.approx(2.0 + FIRST_WORD_S, abs=0.15)
    silences = [segment for segment in results["audio_analysis"].segments if segment.audio.kind == "silence"]
    assert silences[0].start_s == 0.0
    assert silences[0].end_s == pytest.approx(2.0, abs=0.5)
    for name in set(results) - {"audio_analysis"}:
        assert all(segment.start_s >= 1.5 for segment in results[name].segments), name


def test_audio_that_ends_before_the_picture_is_whole(engines: dict[str, Bench], tmp_path: Path, spoken: sound.Samples) -> None:
    results = analyzed(engines, sound.write(tmp_path / "short.mkv", spoken, 48000, video_s=20))
    assert WORDS in heard(results)
    assert all(segment.end_s <= 11.6 for result in results.values() for segment in result.segments)


def test_an_audio_file_is_as_good_as_a_clip(engines: dict[str, Bench], shared_media: Path) -> None:
    results = analyzed(engines, shared_media / "derived" / "audio_only_jfk.mp4")
    assert WORDS in heard(results)


def test_xhe_aac_is_decoded(engines: dict[str, Bench], shared_media: Path) -> None:
    """FFmpeg decodes it since 7.1; the file is a sine of 3 s."""
    path = shared_media / "malformed_and_codecs" / "mp4parse_sine-3s-xhe-aac-44khz-mono.mp4"
    results = analyzed(engines, path)
    assert heard(results) == ""
    measured = results["audio_analysis"]
    assert measured.segments[-1].end_s == pytest.approx(3.0, abs=0.1)
    assert measured.summary.audio.spectral_flatness < 0.05, "a tone"
    assert not measured.summary.audio.digital_silence
