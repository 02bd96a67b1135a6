"""Sounds of hesitation that recognisers leave out: drawn-out vowels ("uhm") and stammered syllables.

Filled pauses are long, steady and voiced (Goto et al., A real-time filled pause detection system for spontaneous speech
recognition, Eurospeech 1999: small changes of pitch and of spectral envelope); a stammer says the same short piece again at
once, which the envelope's likeness to itself shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.prosody.frames import HOP_S
from reelscope_speech.prosody.track import VoiceTrack

MIN_STEADY_S: Final = 0.2
"""A vowel of fluent speech that stays the same for so long is drawn out (Goto et al. find the same bound)."""

_STEADY_DB: Final = 1.8
"""Mean change of the envelope's bands over 50 ms below which a sound stays the same; vowels of fluent speech change by 2 and
more all the way through."""

_STEADY_SEMITONES: Final = 0.8
"""And of the pitch."""

_ACROSS: Final = 5
"""Frames over which change is measured: 50 ms."""

_HOLES: Final = 3
"""Frames of change within a steady stretch that do not end it."""

_SHORTEST_PIECE: Final = 12
_LONGEST_PIECE: Final = 50
"""Frames from the start of a stammered piece to the start of its repetition: 0.12-0.5 s."""

_ALIKE_DB: Final = 2.4
"""Mean difference of the bands of two pieces that are one piece said twice; different syllables differ by 6 dB and more."""

_LEAST_CHANGE_DB: Final = 3.5
"""How much the bands must change within a piece: two halves of one vowel are alike, too."""

_MOST_DRAWN_OUT: Final = 0.3
"""Share of two pieces that may be a drawn-out vowel, which is like itself at any distance."""

_LEAST_SOUND: Final = 0.5
"""Share of a piece's frames that sound."""

_SOUND_DB: Final = 25.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames of the track.

    Attributes:
        first: First one.
        beyond: The one after the last.
        certainty: In [0,1].
    """

    first: int
    beyond: int
    certainty: float


def steady_voices(track: VoiceTrack) -> list[Stretch]:
    """Stretches of voice that change neither pitch nor sound, in order."""
    count = len(track.level_db)
    if count <= _ACROSS:
        return []
    shape = _shape(track)
    change = np.abs(shape[_ACROSS:] - shape[:-_ACROSS]).mean(axis=1)
    pitch = np.log2(np.maximum(track.pitch_hz.astype(np.float64), 1.0)) * 12
    turn = np.abs(pitch[_ACROSS:] - pitch[:-_ACROSS])
    voiced = (track.pitch_hz[_ACROSS:] > 0) & (track.pitch_hz[:-_ACROSS] > 0)
    steady = _closed((change < _STEADY_DB) & (turn < _STEADY_SEMITONES) & voiced)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], steady.astype(np.int8), [0]])))
    found = []
    for first, beyond in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        seconds = (beyond - first + _ACROSS) * HOP_S
        if seconds >= MIN_STEADY_S:
            calm = 1 - float(change[first:beyond].mean()) / (2 * _STEADY_DB)
            found.append(Stretch(first, beyond + _ACROSS, min(1.0, calm * min(1.0, seconds / (2 * MIN_STEADY_S)) + 0.2)))
    return found


def repeated_pieces(track: VoiceTrack) -> list[Stretch]:
    """Stretches in which one piece is said twice or more at once, in order; the last saying takes no part."""
    level = track.speech_level_db.astype(np.float64)
    if len(level) < 2 * _SHORTEST_PIECE:
        return []
    sounds = (level > np.percentile(level, 95) - _SOUND_DB).astype(np.float64)
    drawn_out = np.zeros(len(level))
    for stretch in steady_voices(track):
        drawn_out[stretch.first : stretch.beyond] = 1.0
    envelope = track.envelope_db.astype(np.float64)
    best = np.full(len(level), np.inf)
    lag_of = np.zeros(len(level), np.intp)
    for lag in range(_SHORTEST_PIECE, min(_LONGEST_PIECE, len(level) // 2) + 1):
        # Only what sounds in either of the two counts: silences are always alike.
        weight = np.maximum(sounds[lag:], sounds[:-lag])
        differing = np.abs(envelope[lag:] - envelope[:-lag]).mean(axis=1)
        total, weights = _moving(differing * weight, lag), _moving(weight, lag)
        difference = total / np.maximum(weights, 1e-9)
        share = weights / lag
        inner = _moving(np.abs(np.diff(envelope, axis=0, append=envelope[-1:])).mean(axis=1) * sounds, lag)[: len(difference)]
        changing = inner / np.maximum(_moving(sounds, lag)[: len(difference)], 1e-9) * _ACROSS
        calm = _moving(drawn_out, 2 * lag) / (2 * lag)
        fits = (share >= _LEAST_SOUND) & (changing >= _LEAST_CHANGE_DB) & (difference < best[: len(difference)])
        fits[: len(calm)] &= calm <= _MOST_DRAWN_OUT
        at = np.flatnonzero(fits)
        best[at] = difference[at]
        lag_of[at] = lag
    return _joined(best, lag_of)


def _joined(best: NDArray[np.float64], lag_of: NDArray[np.intp]) -> list[Stretch]:
    """The best pieces that do not overlap; pieces that follow one another are one stammer."""
    found: list[Stretch] = []
    taken = np.zeros(len(best), bool)
    for at in np.argsort(best, kind="stable").tolist():
        if best[at] > _ALIKE_DB:
            break
        lag = int(lag_of[at])
        if not taken[at : at + 2 * lag].any():
            taken[at : at + lag] = True
            found.append(Stretch(at, at + lag, float(1 - best[at] / (2 * _ALIKE_DB))))
    joined: list[Stretch] = []
    for stretch in sorted(found, key=lambda one: one.first):
        if joined and stretch.first - joined[-1].beyond <= _SHORTEST_PIECE // 2:
            last = joined.pop()
            joined.append(Stretch(last.first, stretch.beyond, max(last.certainty, stretch.certainty)))
        else:
            joined.append(stretch)
    return joined


def _shape(track: VoiceTrack) -> NDArray[np.float64]:
    """The envelope without its level: what sound it is, not how loud."""
    envelope = track.envelope_db.astype(np.float64)
    return np.asarray(envelope - envelope.mean(axis=1, keepdims=True), np.float64)


def _closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fills holes of a few frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], mask.astype(np.int8), [1]])))
    filled = mask.copy()
    for first, beyond in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if first > 0 and beyond < len(mask) and beyond - first <= _HOLES:
            filled[first:beyond] = True
    return filled


def _moving(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Sums of `width` values from each index on, shape [n - width + 1]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    moving: NDArray[np.float64] = sums[width:] - sums[:-width]
    return moving
