"""Pauses, fillers and stammers made in real speech, at known places; and none found in the speech as it was."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from support import sound
from support.engine import Bench

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services" / "speech" / "tests"))

from voices import A, I, glide, steady, voice

RATE = 16000
CLEAN = (
    "speech/jfk_en.flac",
    "speech/leopard_test_de.wav",
    "speech/leopard_test_es.wav",
    "speech/leopard_test_fr.wav",
    "speech/leopard_test_ja.wav",
    "speech/wenet_aishell_zh.wav",
    "talking/latentsync_demo3_vertical.mp4",
)
PLACES = {
    "speech/jfk_en.flac": (1.2, 5.9, 9.1),
    "speech/leopard_test_de.wav": (1.6, 3.2),
    "speech/leopard_test_fr.wav": (2.4, 4.0),
}
"""Seconds near which something is put in: at the quietest 10 ms within 0.3 s that have speech within 60 ms on either side, so
that nothing but what was put in is silent there."""
DISFLUENT = {"filler", "filled_pause", "repetition", "repair", "hesitation"}


@dataclass
class Lab:
    """The speech service's engine, the shared clips, and a folder for made ones."""

    bench: Bench
    media: Path
    folder: Path

    def samples(self, name: str) -> NDArray[np.float32]:
        return sound.read(self.media / name, RATE)[0]

    def flow(self, samples: NDArray[np.float32]) -> AnalyzerResult:
        path = sound.write(self.folder / "made.wav", samples[None].astype(np.float32), RATE)
        result = self.bench.analyze(path, "speech_flow")["speech_flow"]
        assert result.status == "succeeded", result.problem
        return result


@pytest.fixture(scope="module")
def lab(speech: Bench, shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(speech, shared_media, tmp_path_factory.mktemp("flow"))


def place(samples: NDArray[np.float32], near_s: float) -> int:
    """Sample number of the place about a time where something can be put in."""
    hop = RATE // 100
    levels = 10 * np.log10(np.square(samples[: len(samples) // hop * hop]).reshape(-1, hop).mean(axis=1) + 1e-10)
    loud = np.percentile(levels, 95) - 15
    candidates = [
        at
        for at in range(round((near_s - 0.3) * 100), round((near_s + 0.3) * 100))
        if levels[at - 6 : at].max() > loud and levels[at + 1 : at + 7].max() > loud
    ]
    return min(candidates, key=lambda at: float(levels[at])) * hop + hop // 2


def found(result: AnalyzerResult, *kinds: str) -> list[tuple[float, float]]:
    return [(segment.start_s, segment.end_s) for segment in result.segments if segment.flow.kind in kinds]


@pytest.mark.parametrize("name", CLEAN)
def test_fluent_speech_has_no_disfluency(name: str, lab: Lab) -> None:
    result = lab.flow(lab.samples(name))
    assert not [segment for segment in result.segments if segment.flow.kind in DISFLUENT]
    assert result.summary.flow.filler_count == 0


@pytest.mark.parametrize("seconds", [0.3, 0.7, 2.0])
@pytest.mark.parametrize("snr_db", [None, 30, 20], ids=["digital silence", "room at 30 dB", "room at 20 dB"])
@pytest.mark.parametrize("name", PLACES)
def test_an_inserted_pause_is_found_to_50_ms(name: str, snr_db: float | None, seconds: float, lab: Lab) -> None:
    samples = lab.samples(name)
    level = float(np.sqrt(np.mean(np.square(samples))))
    random = np.random.default_rng(1)
    if snr_db is not None:  # the same room everywhere
        samples = samples + level * 10 ** (-snr_db / 20) * random.standard_normal(len(samples)).astype(np.float32)
    for near_s in PLACES[name]:
        at = place(samples, near_s)
        silence = np.zeros(round(seconds * RATE), np.float32)
        if snr_db is not None:
            silence += level * 10 ** (-snr_db / 20) * random.standard_normal(len(silence)).astype(np.float32)
        result = lab.flow(np.concatenate([samples[:at], silence, samples[at:]]))
        truth = at / RATE, at / RATE + seconds
        errors = [max(abs(start_s - truth[0]), abs(end_s - truth[1])) for start_s, end_s in found(result, "silent_pause")]
        assert min(errors, default=9.0) <= 0.05, (near_s, truth, found(result, "silent_pause"))


@pytest.mark.parametrize("gap_s", [0.0, 0.12])
@pytest.mark.parametrize("seconds", [0.35, 0.6])
@pytest.mark.parametrize("name", PLACES)
def test_a_made_filler_is_found(name: str, seconds: float, gap_s: float, lab: Lab) -> None:
    samples = lab.samples(name)
    level = float(np.sqrt(np.mean(np.square(samples))))
    for near_s, formants, pitch in zip(
        PLACES[name], (A, I, A), (steady(115, seconds), glide(125, 118, seconds), steady(190, seconds)), strict=False
    ):
        at = place(samples, near_s)
        vowel = voice(pitch, formants=formants)
        ramp = np.minimum(1, np.minimum(np.arange(len(vowel)), np.arange(len(vowel))[::-1]) / 320)
        vowel = (vowel * ramp * 1.5 * level / np.sqrt(np.mean(np.square(vowel)))).astype(np.float32)
        gap = np.zeros(round(gap_s * RATE), np.float32)
        result = lab.flow(np.concatenate([samples[:at], gap, vowel, gap, samples[at:]]))
        middle_s = at / RATE + gap_s + seconds / 2
        assert any(start_s <= middle_s <= end_s for start_s, end_s in found(result, "filler", "filled_pause")), (
            near_s,
            middle_s,
            [(segment.flow.kind, segment.start_s, segment.end_s) for segment in result.segments],
        )
        assert result.summary.flow.filler_count == 1


@pytest.mark.parametrize("piece_s", [0.16, 0.22, 0.3])
@pytest.mark.parametrize("gap_s", [0.0, 0.06])
def test_a_made_stammer_is_found(piece_s: float, gap_s: float, lab: Lab) -> None:
    samples = lab.samples("speech/jfk_en.flac")
    for start_s in (3.32, 5.45, 8.24):  # "ask", "what", "ask": after silences, as one sees in the waveform
        at = round(start_s * RATE)
        piece = np.concatenate([samples[at : at + round(piece_s * RATE)], np.zeros(round(gap_s * RATE), np.float32)])
        result = lab.flow(np.concatenate([samples[:at], piece, piece, samples[at:]]))
        repeated = (start_s, start_s + 2 * (piece_s + gap_s))
        overlaps = [min(end, repeated[1]) - max(start, repeated[0]) for start, end in found(result, "repetition")]
        assert max(overlaps, default=0.0) >= 0.4 * (repeated[1] - repeated[0]), (start_s, found(result, "repetition"))
        assert result.summary.flow.repetition_count <= 2


def test_silence_and_noise_have_no_flow(lab: Lab) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    for samples in (np.zeros(4 * RATE, np.float32), noise):
        result = lab.flow(samples)
        assert not result.segments
        assert result.summary.flow.phonation_share == 0
