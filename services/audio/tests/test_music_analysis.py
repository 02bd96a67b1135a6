"""Music as one would write it: drums, bars, a build and a drop, between silence and speech."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from audio_lab import Array, Heard, Sound, decode, media_path, tone
from numpy.typing import NDArray

Hear = Callable[..., Heard]
RATE = 48000


def drums(
    bpm: float, seconds: float, *, metre: int = 4, swing: float = 0.0, seed: int = 0
) -> tuple[Array, NDArray[np.float64]]:
    """Kick on one, snare on the backbeat, hats on the eighths, a chord on each one; and the times of the beats."""
    random = np.random.default_rng(seed)
    samples = np.zeros(round((seconds + 1) * RATE), np.float32)
    beat_s = 60 / bpm
    beats = np.arange(0.2, seconds - 0.2, beat_s)
    kick = 0.6 * np.sin(2 * np.pi * 60 * np.arange(9600) / RATE) * np.exp(-np.arange(9600) / 1800)
    snare = 0.25 * random.standard_normal(6000) * np.exp(-np.arange(6000) / 1000)
    hat = 0.08 * np.diff(random.standard_normal(2401)) * np.exp(-np.arange(2400) / 300)
    chord = sum(0.06 * tone(hz, 0, metre * beat_s, RATE) for hz in (220.0, 261.63, 329.63))
    for number, beat in enumerate(beats):
        first = number % metre == 0
        for at, sound in (
            (beat, kick if first else 0.4 * kick),
            (beat, snare if number % 2 and metre == 4 else 0 * snare),
            (beat, hat),
            (beat + (0.5 + swing) * beat_s, hat),
            *(((beat, chord * np.exp(-np.arange(len(chord)) / RATE)),) if first else ()),
        ):
            low = round(at * RATE)
            samples[low : low + len(sound)] += sound[: len(samples) - low].astype(np.float32)
    return (samples[: round(seconds * RATE)] / 2)[None], beats


@pytest.mark.parametrize("bpm", [70, 80, 90, 100, 112, 124, 135, 140, 150, 160, 172, 180])
def test_tempo_and_beats_of_drums(hear: Hear, bpm: float) -> None:
    samples, beats = drums(bpm, 20.0)
    heard = hear(Sound(samples))
    assert heard.music.tempo_bpm == pytest.approx(bpm, rel=0.02)
    (segment,) = heard.music_segments
    found = np.array(segment.music.beats)
    assert np.median(np.abs(found[:, None] - beats[None]).min(axis=1)) < 0.04
    assert heard.music.music_share > 0.9


@pytest.mark.parametrize("swing", [0.08, 0.16])
def test_swing_does_not_move_the_tempo(hear: Hear, swing: float) -> None:
    assert hear(Sound(drums(110, 16.0, swing=swing)[0])).music.tempo_bpm == pytest.approx(110, rel=0.02)


@pytest.mark.parametrize("metre", [3, 4])
def test_bars_begin_where_the_accent_is(hear: Hear, metre: int) -> None:
    samples, beats = drums(120, 24.0, metre=metre)
    detail = hear(Sound(samples)).music_segments[0].music
    assert detail.beats_per_bar in {0, metre}, "a bar that is not sure is not told"
    if detail.beats_per_bar:
        errors = np.abs(np.array(detail.downbeats)[:, None] - beats[::metre][None]).min(axis=1)
        assert np.median(errors) < 0.05


def test_a_click_alone_has_no_bars(hear: Hear) -> None:
    samples = np.zeros(12 * RATE, np.float32)
    for beat in np.arange(0.3, 11.5, 0.5):
        at = round(beat * RATE)
        samples[at : at + 2400] += tone(1500, -6, 0.05) * np.exp(-np.arange(2400) / 300).astype(np.float32)
    heard = hear(Sound(samples[None]))
    assert heard.music.tempo_bpm == pytest.approx(120, rel=0.02)
    assert heard.music_segments[0].music.beats_per_bar == 0
    assert not heard.music_segments[0].music.downbeats


def test_the_drop_is_where_it_gets_loud(hear: Hear) -> None:
    samples, _ = drums(120, 24.0)
    gain = np.where(np.arange(samples.shape[1]) < 12.2 * RATE, 0.2, 1.0)
    detail = hear(Sound((samples * gain).astype(np.float32))).music_segments[0].music
    assert detail.drop_s == pytest.approx(12.2, abs=0.3)
    energy = {point.time_s: point.value for point in detail.energy}
    assert max(energy.values()) == pytest.approx(1.0)
    early = [value for time_s, value in energy.items() if 3 < time_s < 11]
    late = [value for time_s, value in energy.items() if 14 < time_s < 23]
    assert np.mean(late) - np.mean(early) == pytest.approx(14 / 40, abs=0.1)  # 14 dB of the curve's 40


def test_steady_music_has_no_drop(hear: Hear) -> None:
    assert not hear(Sound(drums(120, 20.0)[0])).music_segments[0].music.HasField("drop_s")


def test_music_between_silence_is_found_at_its_time(hear: Hear) -> None:
    silence = np.zeros((1, 5 * RATE), np.float32)
    first, _ = drums(100, 10.0)
    second, _ = drums(140, 12.0, seed=1)
    heard = hear(Sound(np.concatenate([silence, first, silence, second, silence], axis=1)))
    spans = [(segment.start_s, segment.end_s) for segment in heard.music_segments]
    assert len(spans) == 2
    assert np.allclose(spans, [(5, 15), (20, 32)], atol=1.0)  # a patch of the network
    tempi = [segment.music.tempo_bpm for segment in heard.music_segments]
    assert tempi == [pytest.approx(100, rel=0.02), pytest.approx(140, rel=0.02)]
    assert heard.music.music_share == pytest.approx(22 / 37, abs=0.06)
    assert heard.music.tempo_bpm == pytest.approx(140, rel=0.02), "the longest stretch's"


@pytest.mark.parametrize(
    "name",
    ["speech/jfk_en.flac", "speech/leopard_test_es.wav", "sound/max_rain.wav", "sound/max_typing.wav", "sound/max_thunder.wav"],
)
def test_what_is_no_music_has_none(hear: Hear, name: str) -> None:
    heard = hear(decode(media_path(name)))
    assert not heard.music_segments
    assert heard.music.music_share == 0
    assert not heard.music.HasField("tempo_bpm")


def test_a_guitar_is_music(hear: Hear) -> None:
    heard = hear(decode(media_path("sound/max_jazz_guitar.wav")))
    assert heard.music.music_share > 0.9
    assert not heard.music.HasField("cuts_on_beat_share"), "the gateway's to say"


def test_silence_and_no_samples_have_no_music(hear: Hear) -> None:
    for samples in (np.zeros((2, 3 * RATE), np.float32), np.zeros((1, RATE // 10), np.float32)):
        assert not hear(Sound(samples)).music_segments
