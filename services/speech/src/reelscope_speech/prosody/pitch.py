"""Fundamental frequency of a voice, frame by frame.

Source: Boersma, Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound,
IFA Proceedings 17, 1993 - the method of Praat, with its costs - decided a fixed time later instead of at the end of the sound.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.prosody.frames import HOP_S, SAMPLE_RATE, Frames

LOWEST_HZ: Final = 65.0
HIGHEST_HZ: Final = 500.0
"""Voices from a low man's to an excited child's."""

DELAY: Final = 25
"""Frames after which a decision is final: the best path has long been one by then."""

DELAY_S: Final = DELAY * HOP_S

_CANDIDATES = 6
_VOICING_THRESHOLD = 0.45
_SILENCE_THRESHOLD = 0.03
_OCTAVE_COST = 0.01
_OCTAVE_JUMP_COST = 0.35
_VOICED_UNVOICED_COST = 0.14
"""Praat's defaults."""

_PEAK_DECAY = 0.999
"""Per frame, of the loudest sample so far, against which silence is measured: half a level in 7 s."""

_QUIETEST_PEAK = 10 ** (-60 / 20)
"""What never gets louder than this is no voice."""


class PitchTracker:
    """Takes frames; gives pitch and voicing of each, `DELAY` frames later."""

    def __init__(self) -> None:
        self._loudest = _QUIETEST_PEAK
        self._costs = np.zeros(0)
        self._hz: list[NDArray[np.float64]] = []
        self._strength: list[NDArray[np.float64]] = []
        self._before: list[NDArray[np.intp]] = []

    def feed(self, frames: Frames) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pitch in Hz, 0 where unvoiced, and voicing in [0,1] of the frames that are decided now, shape [n] each."""
        for hz, strength, peak in zip(*_candidates(frames.correlation), frames.peak.tolist(), strict=True):
            self._step(hz, strength, peak)
        return self._decided(keep=DELAY)

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The rest."""
        return self._decided(keep=0)

    def _step(self, hz: NDArray[np.float64], strength: NDArray[np.float64], peak: float) -> None:
        """One step of the Viterbi search; candidate 0 is "unvoiced"."""
        self._loudest = max(peak, self._loudest * _PEAK_DECAY, _QUIETEST_PEAK)
        quiet = 2 - (peak / self._loudest) / (_SILENCE_THRESHOLD / (1 + _VOICING_THRESHOLD))
        local = np.concatenate([[_VOICING_THRESHOLD + max(0.0, quiet)], strength[1:]])
        local = local - np.where(hz > 0, _OCTAVE_COST * np.log2(HIGHEST_HZ / np.maximum(hz, 1)), 0.0)
        if not self._hz:
            self._before.append(np.zeros(len(hz), np.intp))
            self._costs = -local
        else:
            ways = self._costs[:, None] + _transition(self._hz[-1], hz)
            best = ways.argmin(axis=0)
            self._before.append(best)
            self._costs = ways[best, np.arange(len(hz))] - local
            self._costs -= self._costs.min()
        self._hz.append(hz)
        self._strength.append(strength)

    def _decided(self, *, keep: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        count = len(self._hz) - keep
        if count <= 0:
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        state = int(self._costs.argmin())
        path = []
        for before in reversed(self._before):
            path.append(state)
            state = int(before[state])
        path.reverse()
        hz = [float(self._hz[at][path[at]]) for at in range(count)]
        voicing = [float(self._strength[at][1:].max(initial=0.0)) for at in range(count)]
        del self._hz[:count], self._strength[:count], self._before[:count]
        return np.array(hz, np.float32), np.clip(np.array(voicing, np.float32), 0, 1)


def _candidates(correlation: NDArray[np.float32]) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """The strongest peaks of each frame as (Hz, strength), shape [1 + at most 6] each; the first is 0 Hz, for "unvoiced"."""
    shortest, longest = int(SAMPLE_RATE / HIGHEST_HZ), min(int(SAMPLE_RATE / LOWEST_HZ) + 1, correlation.shape[1] - 2)
    middle = correlation[:, shortest : longest + 1]
    left, right = correlation[:, shortest - 1 : longest], correlation[:, shortest + 1 : longest + 2]
    is_peak = (middle > left) & (middle >= right) & (middle > _VOICING_THRESHOLD / 2)
    all_hz, all_strength = [], []
    for row in range(len(correlation)):
        lags = np.flatnonzero(is_peak[row])
        if len(lags) > _CANDIDATES:
            lags = lags[np.argsort(-middle[row, lags])[:_CANDIDATES]]
        a, b, c = (values[row, lags].astype(np.float64) for values in (left, middle, right))
        bend = a - 2 * b + c
        shift = np.where(bend < 0, 0.5 * (a - c) / np.minimum(bend, -1e-12), 0.0)
        height = b - 0.25 * (a - c) * shift
        # Beyond 1 lies noise that the division by the window's own correlation has blown up: Praat mirrors it.
        height = np.where(height > 1, 1 / np.maximum(height, 1e-9), height)
        all_hz.append(np.concatenate([[0.0], SAMPLE_RATE / (lags + shortest + shift)]))
        all_strength.append(np.concatenate([[0.0], height]))
    return all_hz, all_strength


def _transition(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Costs [before, after] of going from one candidate to another."""
    voiced_before, voiced_after = before > 0, after > 0
    octaves = np.abs(np.log2(np.maximum(before, 1))[:, None] - np.log2(np.maximum(after, 1))[None])
    both = voiced_before[:, None] & voiced_after[None]
    costs: NDArray[np.float64] = np.where(both, _OCTAVE_JUMP_COST * octaves, 0.0)
    return costs + _VOICED_UNVOICED_COST * (voiced_before[:, None] ^ voiced_after[None])
