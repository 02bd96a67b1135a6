"""Tempo, beats and key of made sounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from audio_lab import Array, Heard, Sound, decode, media_path
from numpy.typing import NDArray

from reelscope_audio.dsp.tempo import find_tempo

Hear = Callable[..., Heard]
RATE = 48000
NOTES = {name: index for index, name in enumerate(["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"])}


def clicks(bpm: float, seconds: float = 12.0, first_s: float = 0.3) -> tuple[Array, NDArray[np.float64]]:
    """A click of 50 ms on every beat, and the times of the beats."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    click = 0.5 * np.exp(-np.arange(2400) / 300) * np.sin(2 * np.pi * 1500 * np.arange(2400) / RATE)
    beats = np.arange(first_s, seconds - 0.1, 60 / bpm)
    for beat in beats:
        at = round(beat * RATE)
        samples[at : at + 2400] += click[: len(samples[at : at + 2400])].astype(np.float32)
    return samples[None], beats


def chords(tonic: str, mode: str, tuning_cents: float = 0.0) -> Array:
    """I IV V I with three partials, a second each, twice."""
    third = 4 if mode == "major" else 3
    triads = [(0, third, 7), (5, 5 + third, 12), (7, 11, 14), (0, third, 7)] * 2
    time = np.arange(RATE) / RATE
    pieces = []
    for triad in triads:
        hertz = [261.6256 * 2 ** ((NOTES[tonic] + note + tuning_cents / 100) / 12) for note in triad]
        envelope = np.minimum(1, (1 - time) * 20) * np.exp(-time)
        pieces.append(envelope * sum(np.sin(2 * np.pi * part * pitch * time) / part for pitch in hertz for part in (1, 2, 3)))
    return (0.08 * np.concatenate(pieces)).astype(np.float32)[None]


@pytest.mark.parametrize("bpm", [70, 80, 90, 100, 110, 120, 128, 140, 150, 160, 174, 180])
def test_tempo_and_beats(hear: Hear, bpm: float) -> None:
    samples, beats = clicks(bpm)
    heard = hear(Sound(samples))
    assert heard.audio.tempo_bpm == pytest.approx(bpm, rel=0.02)
    assert heard.audio.tempo_confidence > 0.5
    found = np.array(heard.audio.beats)
    assert len(found) >= len(beats) - 2
    assert np.abs(found[:, None] - beats[None]).min(axis=1).max() < 0.03  # three hops


def test_tempo_that_is_no_round_number(hear: Hear) -> None:
    assert hear(Sound(clicks(93.7)[0])).audio.tempo_bpm == pytest.approx(93.7, rel=0.01)


def test_an_accent_on_every_fourth_does_not_quarter_the_tempo(hear: Hear) -> None:
    samples, beats = clicks(125)
    for beat in beats[::4]:
        at = round(beat * RATE)
        samples[:, at : at + 2400] *= 1.8
    assert hear(Sound(samples)).audio.tempo_bpm == pytest.approx(125, rel=0.02)


@pytest.mark.parametrize(
    "name", ["speech/jfk_en.flac", "speech/leopard_test_es.wav", "sound/max_rain.wav", "sound/max_typing.wav"]
)
def test_no_tempo_and_no_key_without_music(hear: Hear, name: str) -> None:
    heard = hear(decode(media_path(name)))
    assert not heard.audio.HasField("tempo_bpm")
    assert heard.audio.key == ""


def test_no_tempo_in_noise(hear: Hear) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (1, 12 * RATE)).astype(np.float32)
    heard = hear(Sound(noise))
    assert not heard.audio.HasField("tempo_bpm")
    assert heard.audio.key == ""


def test_an_hour_takes_seconds() -> None:
    """The beat of an hour of onsets is found within the memory of the curve and without a loop over its frames."""
    hop_s = 512 / 44100
    onsets = np.random.default_rng(4).random(round(3600 / hop_s)) * 0.1
    onsets[np.round(np.arange(0.5, 3599, 0.5) / hop_s).astype(int)] += 1
    tempo = find_tempo(onsets, hop_s)
    assert tempo is not None
    assert tempo.bpm == pytest.approx(120, rel=0.005)


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", NOTES)
def test_key(hear: Hear, tonic: str, mode: str) -> None:
    heard = hear(Sound(chords(tonic, mode)))
    assert heard.audio.key == f"{tonic} {mode}"
    assert heard.audio.key_confidence > 0.4
    assert heard.audio.music_share > 0.8


def test_key_of_an_instrument_out_of_tune(hear: Hear) -> None:
    assert hear(Sound(chords("D", "major", tuning_cents=30))).audio.key == "D major"


def test_the_sample_clip(hear: Hear) -> None:
    """A voice-over on music of 100 beats a minute; the music alone is heard for a third of the time."""
    path = Path(__file__).resolve().parents[3] / "samples" / "demo.mp4"
    if not path.exists():
        pytest.skip(f"no {path}")
    truth = json.loads(path.with_name("demo.truth.json").read_text(encoding="utf-8"))
    audio = hear(decode(path)).audio
    assert audio.tempo_bpm == pytest.approx(truth["tempo_bpm"], rel=0.02)
    assert audio.integrated_lufs == pytest.approx(truth["loudness_lufs"], abs=1.0)  # AAC
    errors = np.abs(np.array(audio.beats)[:, None] - np.array(truth["beats_s"])[None]).min(axis=1)
    assert np.median(errors) < 0.05
