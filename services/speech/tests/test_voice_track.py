"""Pitch, voicing and levels of made voices."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from speech_lab import audio_items
from voices import A, I, glide, noise, steady, voice

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_speech.features.voice_track import VoiceTracks
from reelscope_speech.prosody.frames import HOP_S
from reelscope_speech.prosody.track import VoiceTrack

EDGE = 4
"""Frames at either end of a voice whose windows are half empty."""


def tracked(samples: NDArray[np.float32], *, chunk_s: float = 1.0) -> VoiceTrack:
    """The whole track, after checking that its items join without a gap and keep the promised delay."""
    node = VoiceTracks(NodeContext(media=MediaInfo(), options=AnalyzeOptions(), model=lambda _: None))
    items = []
    for item in audio_items(samples, chunk_s=chunk_s):
        fresh = list(node.process(item))
        assert all(one.time_s >= item.time_s - node.lookback_s for one in fresh)
        items.extend(fresh)
    items.extend(node.flush())
    for before, after in pairwise(items):
        assert after.time_s == pytest.approx(before.end_s)
    fields = ("pitch_hz", "voicing", "level_db", "speech_level_db", "envelope_db")
    track = VoiceTrack(*(np.concatenate([getattr(item.value, field) for item in items]) for field in fields))
    assert len(track.level_db) == -(-len(samples) // 160)
    return track


def truth(pitch_hz: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    middles = np.minimum(((np.arange(frames) + 0.5) * HOP_S * 16000).astype(int), len(pitch_hz) - 1)
    return pitch_hz[middles]


CURVES = [
    *(pytest.param(steady(hz, 1.0), id=f"{hz} Hz") for hz in (80, 110, 160, 220, 320, 400)),
    pytest.param(glide(100, 200, 1.5), id="rising octave"),
    pytest.param(glide(300, 150, 1.5), id="falling octave"),
    pytest.param(180 * 2 ** (np.sin(2 * np.pi * 5 * np.arange(24000) / 16000) / 12), id="vibrato of a semitone"),
]


@pytest.mark.parametrize("formants", [A, I], ids=["a", "i"])
@pytest.mark.parametrize("snr_db", [60, 20, 10])
@pytest.mark.parametrize("pitch_hz", CURVES)
def test_pitch_is_right(pitch_hz: NDArray[np.float64], snr_db: float, formants: tuple[tuple[int, int], ...]) -> None:
    """Gross errors (20 %, the field's measure) in at most 5 % of the frames, octave errors in at most 1 %."""
    samples = voice(pitch_hz, formants=formants)
    level_db = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
    track = tracked(samples + noise(len(samples) / 16000, level_db - snr_db)[: len(samples)])
    found = track.pitch_hz[EDGE:-EDGE]
    expected = truth(pitch_hz, len(track.pitch_hz))[EDGE:-EDGE]
    voiced = found > 0
    assert voiced.mean() >= 0.95
    ratio = found[voiced] / expected[voiced]
    assert np.mean(np.abs(ratio - 1) > 0.2) <= 0.05
    assert np.mean(np.abs(np.log2(ratio)) > 0.8) <= 0.01
    assert np.median(np.abs(ratio - 1)) < 0.01


def test_silence_and_noise_have_no_pitch() -> None:
    assert not tracked(np.zeros(32000, np.float32)).pitch_hz.any()
    assert np.mean(tracked(noise(3.0, -20)).pitch_hz > 0) <= 0.05


def test_voiced_and_unvoiced_are_told_apart() -> None:
    parts = [voice(steady(140, 0.5)), noise(0.4, -25), voice(steady(140, 0.5)), np.zeros(6400, np.float32)]
    found = tracked(np.concatenate(parts)).pitch_hz > 0
    expected = np.concatenate([np.ones(50), np.zeros(40), np.ones(50), np.zeros(40)]).astype(bool)
    assert np.mean(found == expected) >= 0.95


@pytest.mark.parametrize("chunk_s", [0.01, 0.0333, 0.5, 7.0])
def test_chunks_do_not_matter(chunk_s: float) -> None:
    samples = np.concatenate([voice(glide(100, 180, 1.0)), noise(0.5, -30)])
    whole, parts = tracked(samples), tracked(samples, chunk_s=chunk_s)
    for field in ("pitch_hz", "level_db", "speech_level_db", "envelope_db"):
        assert np.allclose(getattr(whole, field), getattr(parts, field), atol=1e-2), field


def test_levels_are_decibels_of_full_scale() -> None:
    track = tracked((0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)).astype(np.float32))
    middle = slice(EDGE, -EDGE)
    assert track.level_db[middle] == pytest.approx(-9.03, abs=0.1)  # a sine of amplitude 0.5
    assert track.speech_level_db[middle] == pytest.approx(-9.03, abs=0.3)
    low = tracked((0.5 * np.sin(2 * np.pi * 100 * np.arange(16000) / 16000)).astype(np.float32))
    assert low.speech_level_db[middle].max() < -40
