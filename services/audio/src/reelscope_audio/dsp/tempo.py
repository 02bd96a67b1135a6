"""Tempo and beats from an onset curve.

Autocorrelation with a preference for common tempi, then dynamic programming (Ellis, "Beat tracking by dynamic
programming", JNMR 2007). Own NumPy instead of librosa.beat, whose first call compiles for seconds and needs a cache on disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_BPM: Final = 50.0
MAX_BPM: Final = 210.0
"""The range in which listeners tap a beat (300 ms to 1.2 s, Parncutt 1994)."""

PREFERRED_BPM: Final = 120.0
PREFERENCE_OCTAVES: Final = 1.0
"""Log-normal preference, as in Ellis 2007."""

HALVE_RATIO: Final = 0.85
"""The period is halved while half of it repeats this well too: a metronome repeats at every multiple of its beat."""

SLOW_BPM: Final = 95.0
SLOW_HALVE_RATIO: Final = 0.66
"""A slow period is halved more easily: kick and snare in turn repeat best after two beats, but also after one (0.7 of that),
while the hats between the beats of a slow piece reach 0.6."""

MIN_CONFIDENCE: Final = 0.12
"""Repetition of the onset curve below which there is no beat: noise stays below 0.1, music under a voice-over has 0.2.
Speech reaches 0.25, so that whoever asks must know that there is music."""

TIGHTNESS: Final = 100.0
"""How stiff the beat is, as in Ellis 2007."""

MIN_BEATS: Final = 6
"""Fewer prove nothing."""

_LOCAL_S: Final = 1.0
_WINDOW_S: Final = 12.0
"""The repetition is measured in pieces of this length and averaged: tempo drifts over minutes."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """A beat.

    Attributes:
        bpm: Beats a minute.
        confidence: 0..1: how well the onset curve repeats after one beat.
        beats: Frame positions of the beats, fractional.
    """

    bpm: float
    confidence: float
    beats: tuple[float, ...]


Curve = NDArray[np.float64]


def normalise(onsets: Curve, hop_s: float) -> Curve:
    """The onset curve without its slow trend, in units of its own deviation."""
    size = max(3, round(_LOCAL_S / hop_s) | 1)
    trend = np.convolve(np.pad(onsets, size // 2, mode="edge"), np.ones(size) / size, mode="valid")[: len(onsets)]
    curve = np.maximum(0, onsets - trend)
    deviation = curve.std()
    result: Curve = curve / deviation if deviation > 0 else curve
    return result


def autocorrelation(curve: Curve, lags: int, window: int) -> Curve:
    """Mean normalised autocorrelation of overlapping pieces, weighted by their energy, shape [lags]."""
    window = min(window, len(curve))
    total = np.zeros(lags)
    weight = 0.0
    for first in range(0, max(1, len(curve) - window // 2), max(1, window // 2)):
        piece = curve[first : first + window]
        if len(piece) < window // 2:
            break
        piece = piece - piece.mean()
        energy = float(piece @ piece)
        if energy <= 0:
            continue
        size = 2 ** int(np.ceil(np.log2(2 * len(piece))))
        spectrum = np.fft.rfft(piece, size)
        products = np.fft.irfft(spectrum * spectrum.conj(), size)[:lags]
        overlap = np.maximum(1, len(piece) - np.arange(lags)) / len(piece)
        total[: len(products)] += products / overlap
        weight += energy
    return total / weight if weight > 0 else total


def find_tempo(onsets: Curve, hop_s: float) -> Tempo | None:
    """Tempo and beats.

    Args:
        onsets: Onset strength of each frame.
        hop_s: Time between frames.

    Returns:
        None where no beat is found.
    """
    if len(onsets) * hop_s < MIN_BEATS * 60 / MAX_BPM or not onsets.any():
        return None
    curve = normalise(onsets, hop_s)
    # A kernel of a few frames: two clicks never lie a whole number of frames apart.
    kernel = np.hanning(7)[1:-1]
    smooth = np.convolve(curve, kernel / kernel.sum(), mode="same")
    shortest, longest = 60 / MAX_BPM / hop_s, min(60 / MIN_BPM / hop_s, len(curve) / 3)
    if longest <= shortest + 2:
        return None
    repetition = autocorrelation(smooth, int(4 * longest) + 2, round(_WINDOW_S / hop_s))
    period = _period(repetition, shortest, longest, hop_s)
    if period is None:
        return None
    confidence = float(np.clip(np.interp(period, np.arange(len(repetition)), repetition), 0, 1))
    if confidence < MIN_CONFIDENCE:
        return None
    beats = track_beats(smooth, period)
    if len(beats) < MIN_BEATS:
        return None
    return Tempo(60 / (_steady_period(beats, period) * hop_s), confidence, tuple(beats))


def _period(repetition: Curve, shortest: float, longest: float, hop_s: float) -> float | None:
    """The beat's period in frames, fractional."""
    lags = np.arange(int(np.ceil(shortest)), int(longest) + 1)
    inner = repetition[lags]
    is_peak = (inner >= repetition[lags - 1]) & (inner >= repetition[lags + 1]) & (inner > 0)
    if not is_peak.any():
        return None
    octaves = np.log2(60 / (lags * hop_s) / PREFERRED_BPM)
    preferred = np.where(is_peak, inner * np.exp(-0.5 * (octaves / PREFERENCE_OCTAVES) ** 2), -np.inf)
    lag = int(lags[int(np.argmax(preferred))])
    while lag / 2 >= shortest:
        near = np.arange(max(1, round(lag / 2) - 2), round(lag / 2) + 3)
        ratio = SLOW_HALVE_RATIO if 60 / (lag * hop_s) < SLOW_BPM else HALVE_RATIO
        if repetition[near].max() < ratio * repetition[lag]:
            break
        lag = int(near[int(np.argmax(repetition[near]))])
    return _refine(repetition, lag)


def _refine(repetition: Curve, lag: int) -> float:
    """The period from the peak at its largest multiple that is still there: four times as exact as from the first."""
    period = _vertex(repetition, lag)
    for multiple in (2, 3, 4):
        centre = round(period * multiple)
        reach = max(2, lag // 8)
        if centre + reach + 1 >= len(repetition):
            break
        near = np.arange(centre - reach, centre + reach + 1)
        top = int(near[int(np.argmax(repetition[near]))])
        if repetition[top] < repetition[lag] / 2:
            break
        period = _vertex(repetition, top) / multiple
    return period


def _vertex(values: Curve, at: int) -> float:
    """Position of a peak by the parabola through it and its neighbours."""
    if not 0 < at < len(values) - 1:
        return float(at)
    left, top, right = values[at - 1 : at + 2]
    bend = left - 2 * top + right
    return float(at + (0.5 * (left - right) / bend if bend < 0 else 0.0))


def track_beats(curve: Curve, period: float) -> list[float]:
    """Beats by dynamic programming: each on an onset, and about one period after the one before.

    Half a period is computed at once: no beat there can follow another one there.
    """
    nearest, farthest = max(1, round(period / 2)), max(2, round(period * 2))
    distances = np.arange(farthest, nearest - 1, -1)
    penalty = -TIGHTNESS * np.log(distances / period) ** 2
    local = np.convolve(curve, np.exp(-0.5 * (np.arange(-nearest, nearest + 1) * 32.0 / period) ** 2), mode="same")
    count = len(local)
    scores = np.zeros(count + farthest)
    scores[:farthest] = 0.0
    links = np.full(count, -1)
    threshold = 0.01 * local.max()
    started = False
    for first in range(0, count, nearest):
        block = np.arange(first, min(first + nearest, count))
        candidates = scores[block[:, None] + farthest - distances] + penalty
        best = candidates.argmax(axis=1)
        scores[block + farthest] = local[block] + candidates[np.arange(len(block)), best]
        sources = block - distances[best]
        if not started:
            weak = local[block] < threshold
            sources[weak] = -1
            started = not weak.all()
        links[block] = np.maximum(sources, -1)
    return _trim(_follow(scores[farthest:], links, period), local)


def _follow(scores: Curve, links: NDArray[np.int64], period: float) -> list[int]:
    """Back from the best late frame."""
    tail = max(1, round(period * 1.5))
    at = len(scores) - tail + int(np.argmax(scores[-tail:])) if len(scores) > tail else int(np.argmax(scores))
    beats = []
    while at >= 0:
        beats.append(at)
        at = int(links[at])
    return beats[::-1]


def _trim(beats: list[int], local: Curve) -> list[float]:
    """Without the weak beats before the first and after the last sounding one, to a fraction of a frame."""
    if not beats:
        return []
    strengths = local[beats]
    bound = 0.5 * np.sqrt(np.mean(strengths**2))
    sounding = np.flatnonzero(strengths >= bound)
    if not len(sounding):
        return []
    return [_vertex(local, beat) for beat in beats[sounding[0] : sounding[-1] + 1]]


def _steady_period(beats: list[float], period: float) -> float:
    """Period by a straight line through the beats; the first estimate where they do not lie on one."""
    positions = np.asarray(beats)
    numbers = np.concatenate([[0], np.cumsum(np.maximum(1, np.round(np.diff(positions) / period)))])
    slope, intercept = np.polyfit(numbers, positions, 1)
    residual = np.abs(positions - slope * numbers - intercept)
    return float(slope) if np.median(residual) < 0.1 * period else float(np.median(np.diff(positions)))
