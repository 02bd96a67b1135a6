"""Levels, spectrum, stereo and kinds of made sounds and real ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from audio_lab import Heard, Sound, decode, media_path, stereo, tone

Hear = Callable[..., Heard]


def noise(seconds: float, deviation: float = 0.1, channels: int = 1, rate: int = 48000) -> np.ndarray:
    return np.random.default_rng(7).normal(0, deviation, (channels, round(seconds * rate))).astype(np.float32)


def test_digital_silence(hear: Hear) -> None:
    heard = hear(Sound(np.zeros((2, 5 * 48000), np.float32), layout="stereo"))
    audio = heard.audio
    assert audio.digital_silence
    assert audio.silence_share == 1.0
    for field in ("integrated_lufs", "true_peak_dbtp", "snr_db", "tempo_bpm", "stereo_correlation", "loudness_range_lu"):
        assert not audio.HasField(field), field
    assert heard.kinds() == ["silence"]
    assert (heard.segments[0].start_s, heard.segments[0].end_s) == (0.0, 5.0)
    assert not heard.segments[0].audio.HasField("loudness_lufs")
    assert heard.events == []
    assert heard.environment.ambience == "silence"


def test_no_audio_at_all(hear: Hear) -> None:
    heard = hear(Sound(np.zeros((1, 0), np.float32)))
    assert heard.segments == []
    assert heard.events == []
    assert heard.audio.key == ""


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.5, 1.0, 1.3])
def test_very_short_audio(hear: Hear, seconds: float) -> None:
    heard = hear(Sound(tone(440, -12, seconds)[None]))
    assert sum(segment.end_s - segment.start_s for segment in heard.segments) == pytest.approx(seconds, abs=1e-6)
    assert heard.audio.true_peak_dbtp == pytest.approx(-12, abs=1)  # the cut end overshoots


def test_silence_share_and_stretches(hear: Hear) -> None:
    """3 s of noise, 2 s of silence, 3 s of noise."""
    samples = np.concatenate([noise(3), np.zeros((1, 2 * 48000), np.float32), noise(3)], axis=1)
    heard = hear(Sound(samples))
    assert heard.audio.silence_share == pytest.approx(0.25, abs=0.02)
    silent = [segment for segment in heard.segments if segment.audio.kind == "silence"]
    assert len(silent) == 1
    assert silent[0].start_s == pytest.approx(3, abs=0.25)  # one step
    assert silent[0].end_s == pytest.approx(5, abs=0.25)
    assert heard.audio.noise_share > 0.6
    assert not heard.audio.digital_silence


def test_clipping(hear: Hear) -> None:
    samples = np.clip(tone(100, 6, 3), -1, 1)
    heard = hear(Sound(samples[None]))
    flat = int((np.abs(samples) >= 1).sum())
    assert heard.audio.clipped_samples == flat
    assert sum(segment.audio.clipped_samples for segment in heard.segments) == flat
    assert hear(Sound(tone(100, -0.1, 3)[None])).audio.clipped_samples == 0


@pytest.mark.parametrize("ratio_db", [20, 40])
def test_signal_to_noise(hear: Hear, ratio_db: float) -> None:
    """Half a second of tone in each second, over noise."""
    seconds, level = 10, 10 ** ((-20 - ratio_db) / 20)
    samples = noise(seconds, level)[0] + tone(1000, -20 + 3.01, seconds) * (np.arange(seconds * 48000) % 48000 < 24000)
    heard = hear(Sound(samples.astype(np.float32)[None]))
    assert heard.audio.snr_db == pytest.approx(ratio_db, abs=1.5)
    assert heard.audio.dynamic_range_db == pytest.approx(ratio_db, abs=2)


@pytest.mark.parametrize("hertz", [500, 1000, 4000])
def test_spectrum_of_a_tone(hear: Hear, hertz: float) -> None:
    audio = hear(Sound(tone(hertz, -20, 3)[None])).audio
    assert audio.spectral_centroid_hz == pytest.approx(hertz, rel=0.02)
    assert audio.spectral_rolloff_hz == pytest.approx(hertz, abs=48000 / 2048 * 2)
    assert audio.spectral_flatness < 0.01
    assert audio.zero_crossing_rate == pytest.approx(2 * hertz / 48000, rel=0.02)


def test_spectrum_of_white_noise(hear: Hear) -> None:
    audio = hear(Sound(noise(4))).audio
    assert audio.spectral_centroid_hz == pytest.approx(12000, rel=0.03)
    assert audio.spectral_flatness == pytest.approx(0.56, abs=0.03)  # exp(-Euler's constant), of one periodogram
    assert audio.zero_crossing_rate == pytest.approx(0.5, abs=0.01)


def test_stereo(hear: Hear) -> None:
    one, other = noise(3)[0], np.random.default_rng(8).normal(0, 0.1, 3 * 48000).astype(np.float32)

    def measure(samples: np.ndarray) -> tuple[float, float]:
        audio = hear(Sound(samples, layout="stereo")).audio
        return audio.stereo_width, audio.stereo_correlation

    assert measure(stereo(one)) == pytest.approx((0, 1), abs=0.01)
    assert measure(np.stack([one, other])) == pytest.approx((1, 0), abs=0.03)
    assert measure(np.stack([one, -one])) == pytest.approx((2, -1), abs=0.01)
    mono = hear(Sound(one[None], layout="mono")).audio
    assert mono.stereo_width == 0
    assert not mono.HasField("stereo_correlation")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("speech/jfk_en.flac", "speech"),
        ("sound/max_jazz_guitar.wav", "music"),
        ("sound/max_rain.wav", "sound"),
        ("talking/latentsync_demo1_vertical.mp4", "speech"),
    ],
)
def test_kinds_of_real_sounds(hear: Hear, name: str, kind: str) -> None:
    heard = hear(decode(media_path(name)))
    longest = max(heard.segments, key=lambda segment: segment.end_s - segment.start_s)
    assert longest.audio.kind == kind


def test_pieces_of_any_length_give_the_same(hear: Hear) -> None:
    sound = decode(media_path("sound/max_jazz_guitar.wav"))
    one, other = hear(sound), hear(sound, chunk_s=0.37)
    assert one.audio.integrated_lufs == pytest.approx(other.audio.integrated_lufs, abs=1e-4)
    assert one.audio.true_peak_dbtp == pytest.approx(other.audio.true_peak_dbtp, abs=1e-4)
    assert one.audio.key == other.audio.key
    assert [segment.audio.kind for segment in one.segments] == [segment.audio.kind for segment in other.segments]
    assert [event.audio_event.label for event in one.events] == [event.audio_event.label for event in other.events]
    np.testing.assert_allclose([event.end_s for event in one.events], [event.end_s for event in other.events], atol=1e-3)
