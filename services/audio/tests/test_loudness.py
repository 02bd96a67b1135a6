"""EBU R 128: EBU Tech 3341 (version 4) cases 1 to 6, true peak and loudness range cases of Tech 3341 / 3342."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from audio_lab import Heard, Sound, stereo, tone

from reelscope_audio.dsp.channels import loudness_weights
from reelscope_audio.dsp.clipping import ClippingCounter
from reelscope_audio.dsp.k_weighting import KFilter, k_weighting
from reelscope_audio.dsp.loudness import LoudnessMeter
from reelscope_audio.dsp.true_peak import DELAY, TruePeak

Hear = Callable[..., Heard]


def measure(samples: np.ndarray, rate: int, layout: str = "stereo", chunk: int = 4800) -> LoudnessMeter:
    """The chain without the engine: filter, weights, blocks."""
    weights = np.array(loudness_weights(layout, len(samples)))
    k_filter, meter = KFilter(rate, len(samples)), LoudnessMeter()
    powers = np.concatenate(
        [weights @ np.square(k_filter.feed(samples[:, at : at + chunk])) for at in range(0, samples.shape[1], chunk)]
    )
    borders = [round(block * rate / 10) for block in range(int(len(powers) * 10 / rate) + 1)]
    meter.add(np.add.reduceat(powers[: borders[-1]], borders[:-1]) / np.diff(borders))
    return meter


def sequence(*parts: tuple[float, float], rate: int = 48000) -> np.ndarray:
    return stereo(np.concatenate([tone(1000, level, seconds, rate) for level, seconds in parts]))


def test_k_weighting_at_48_khz_is_the_standards() -> None:
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585]
    highpass = [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48000), [shelf, highpass], atol=1e-8)


TECH_3341 = {
    "1: -23 dBFS": (sequence((-23, 20)), -23.0),
    "2: -33 dBFS": (sequence((-33, 20)), -33.0),
    "3: relative gate": (sequence((-36, 10), (-23, 60), (-36, 10)), -23.0),
    "4: absolute gate too": (sequence((-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)), -23.0),
    "5: around the relative gate": (sequence((-26, 20), (-20, 20.1), (-26, 20)), -23.0),
}


@pytest.mark.parametrize("case", TECH_3341)
def test_integrated_loudness(case: str) -> None:
    samples, expected = TECH_3341[case]
    assert measure(samples, 48000).integrated() == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("layout", ["5.1", "5.1(side)", ""])
def test_five_channels(layout: str) -> None:
    """Case 6: -28 dBFS left and right, -24 centre, -30 surrounds; the low-frequency channel does not count."""
    levels = [-28, -28, -24, -6, -30, -30]
    samples = np.stack([tone(1000, level, 20) for level in levels])
    assert measure(samples, 48000, layout).integrated() == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 96000, 192000])
def test_any_sample_rate(rate: int) -> None:
    samples = stereo(tone(1000, -23, 5, rate))
    # The bilinear transform bends the shelf a little below 16 kHz.
    assert measure(samples, rate).integrated() == pytest.approx(-23.0, abs=0.1 if rate >= 16000 else 0.3)


def test_the_same_whatever_the_pieces() -> None:
    samples = stereo(np.random.default_rng(1).normal(0, 0.1, 48000 * 4).astype(np.float32))
    whole, pieces = measure(samples, 48000, chunk=10**9).integrated(), measure(samples, 48000, chunk=777).integrated()
    assert whole is not None
    assert whole == pytest.approx(pieces, abs=1e-9)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (((-20, 20), (-30, 20)), 10.0),
        (((-20, 20), (-15, 20)), 5.0),
        (((-40, 20), (-20, 20)), 20.0),
        (((-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)), 15.0),
    ],
)
def test_loudness_range(parts: tuple[tuple[float, float], ...], expected: float) -> None:
    """Tech 3342 cases 1 to 4, tolerance 1 LU."""
    assert measure(sequence(*parts), 48000).loudness_range() == pytest.approx(expected, abs=1.0)


def test_maxima() -> None:
    """A burst of 0.4 s fills one momentary window; of 3 s, one short-term window."""
    meter = measure(sequence((-60, 3), (-20, 0.4), (-60, 3), (-30, 3), (-60, 3)), 48000)
    assert meter.maximum(4) == pytest.approx(-20.0, abs=0.1)
    assert meter.maximum(30) == pytest.approx(-29, abs=1.1)


def test_short_term_is_steady_over_its_window() -> None:
    """Tech 3341 case 9: levels that repeat every 3 s."""
    meter = measure(sequence(*((-20, 1.34), (-30, 1.66)) * 5), 48000)
    found = [short_term for _, _, short_term in meter.curve(1) if short_term is not None]
    assert len(found) > 100
    assert found[30:] == pytest.approx([-23.0] * len(found[30:]), abs=0.1)


@pytest.mark.parametrize("offset_s", [0.0, 0.15, 0.3, 0.45, 1.05, 2.85])
def test_short_term_maximum_wherever_the_tone_begins(offset_s: float) -> None:
    """Tech 3341 case 10."""
    samples = np.concatenate([np.zeros(round(offset_s * 48000), np.float32), tone(1000, -23, 3), np.zeros(48000, np.float32)])
    assert measure(stereo(samples), 48000).maximum(30) == pytest.approx(-23.0, abs=0.1)


def test_momentary_is_steady_over_its_window() -> None:
    """Tech 3341 case 12: levels that repeat every 0.4 s."""
    meter = measure(sequence(*((-20, 0.18), (-30, 0.22)) * 25), 48000)
    found = [momentary for _, momentary, _ in meter.curve(1) if momentary is not None]
    assert found[10:] == pytest.approx([-23.0] * len(found[10:]), abs=0.1)


def true_peak_db(samples: np.ndarray, rate: int = 48000, chunk: int = 1000) -> float:
    meter = TruePeak(rate, 1)
    padded = np.concatenate([samples, np.zeros(DELAY, np.float32)])[None]
    peaks = [meter.feed(padded[:, at : at + chunk]) for at in range(0, padded.shape[1], chunk)]
    return float(20 * np.log10(np.concatenate(peaks).max()))


@pytest.mark.parametrize(
    ("divisor", "degrees"), [(4, 0), (4, 45), (6, 60), (8, 67.5), (3, 30)], ids=["15", "16", "17", "18", "third"]
)
def test_true_peak(divisor: int, degrees: float) -> None:
    """Tech 3341 cases 15 to 18: sines of -6 dBFS whose samples miss their peaks."""
    samples = tone(48000 / divisor, -6, 0.5, phase=np.deg2rad(degrees))
    fade = np.minimum(1, np.minimum(np.arange(len(samples)), np.arange(len(samples))[::-1]) / 1200).astype(np.float32)
    assert true_peak_db(samples * fade) == pytest.approx(-6.0, abs=0.3)


def test_true_peak_is_at_its_sample() -> None:
    samples = np.zeros(4000, np.float32)
    samples[1234] = 0.5
    meter = TruePeak(48000, 1)
    peaks = np.concatenate([meter.feed(samples[None, at : at + 300]) for at in range(0, 4000, 300)])
    assert int(peaks.argmax()) - DELAY == 1234
    assert peaks.max() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1000])
def test_clipping_counts_runs_of_three(chunk: int) -> None:
    samples = np.zeros((1, 60), np.float32)
    samples[0, 3:5] = 1.0  # two: not clipped
    samples[0, 10:13] = 1.0
    samples[0, 20:27] = -1.0
    samples[0, 30:32], samples[0, 32:34] = 1.0, -1.0  # the sign changes: not clipped
    samples[0, 57:60] = 1.0
    counter = ClippingCounter(1)
    assert sum(int(counter.feed(samples[:, at : at + chunk]).sum()) for at in range(0, 60, chunk)) == 3 + 7 + 3


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_the_analyzer_says_the_same(hear: Hear, rate: int) -> None:
    fade = np.minimum(1, np.arange(round(8.37 * rate))[::-1] / (0.01 * rate)).astype(np.float32)  # a cut end overshoots
    heard = hear(Sound(stereo(tone(997, -23, 8.37, rate) * fade), rate, "stereo"))
    assert heard.audio.integrated_lufs == pytest.approx(-23.0, abs=0.1 if rate >= 16000 else 0.3)
    assert heard.audio.max_momentary_lufs == pytest.approx(-23.0, abs=0.3)
    assert heard.audio.true_peak_dbtp == pytest.approx(-23.0, abs=0.3)
    assert heard.audio.loudness_range_lu == pytest.approx(0.0, abs=0.1)
    assert [point.time_s for point in heard.audio.loudness] == pytest.approx(range(1, 9))
    assert heard.audio.loudness[4].short_term_lufs == pytest.approx(-23.0, abs=0.3)
    assert not heard.audio.loudness[1].HasField("short_term_lufs")
    assert sum(segment.end_s - segment.start_s for segment in heard.segments) == pytest.approx(8.37, abs=0.01)
    assert heard.segments[0].audio.loudness_lufs == pytest.approx(-23.0, abs=0.3)


def test_five_channels_through_the_analyzer(hear: Hear) -> None:
    samples = np.stack([tone(1000, level, 6) for level in (-28, -28, -24, -6, -30, -30)])
    heard = hear(Sound(samples, 48000, "5.1"))
    assert heard.audio.integrated_lufs == pytest.approx(-23.0, abs=0.1)
    assert heard.audio.true_peak_dbtp == pytest.approx(-6.0, abs=0.3)
