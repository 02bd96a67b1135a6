"""Silent pauses within speech, to the frame.

A speech detector tells where pauses are, but not to 50 ms: its windows smear, and it pads. The level curve tells when the sound
stops and starts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.prosody.frames import HOP_S
from reelscope_speech.prosody.track import VoiceTrack

MIN_PAUSE_S: Final = 0.2
"""Shorter silences are closures of stops (Campione & Veronis, A large-scale multilingual study of silent pauses, 2002)."""

_FLOOR_PERCENTILE = 5
_SPEECH_PERCENTILE = 95
_REACH: Final = round(2.5 / HOP_S)
"""Floor and speech level are those within 2.5 s on either side: rooms and gains change within a clip."""

_RISE: Final = 0.25
"""Share of the way from the floor to the speech level, in decibels, below which nothing is said."""

_MOST_RISE_DB: Final = 12.0
"""But no more than this over the floor: soft consonants lie 25 dB below vowels."""

_LEAST_RANGE_DB: Final = 12.0
"""With less between floor and speech (music, a crowd) the level tells no pauses."""

_DIGITAL_DB: Final = -90.0
"""Below lies digital silence: no room is so quiet, and no 16-bit recording of one."""

_SPIKE: Final = 3
"""Frames of sound within a pause that do not end it: a click, the tick of a lip."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch without a sound of speech, in frames of the track.

    Attributes:
        first: First frame.
        beyond: Frame after the last.
        depth_db: How far its mean level lies below that of the speech about it.
    """

    first: int
    beyond: int
    depth_db: float


def silences(track: VoiceTrack) -> list[Silence]:
    """All silences of at least `MIN_PAUSE_S`, in order."""
    level = track.level_db.astype(np.float64)
    if len(level) == 0:
        return []
    loud = _sliding(level, _SPEECH_PERCENTILE, np.ones(len(level), bool))
    sounds = level > _DIGITAL_DB
    natural = _runs(_quiet(level, track.pitch_hz, loud, sounds) | ~sounds)
    deep = _runs(_quiet(level, track.pitch_hz, loud, np.ones(len(level), bool)))
    least = round(MIN_PAUSE_S / HOP_S)
    found = []
    for first, beyond in natural:
        # An edited silence ends where its zeros end, unless what is beside it is long enough to be a pause of its own: the
        # closure of a consonant is speech.
        inner = [run for run in deep if first <= run[0] and run[1] <= beyond]
        if inner and inner[0][0] - first < least:
            first = inner[0][0]  # noqa: PLW2901 - narrowed
        if inner and beyond - inner[-1][1] < least:
            beyond = inner[-1][1]  # noqa: PLW2901 - narrowed
        found.append(Silence(first, beyond, float((loud[first:beyond] - level[first:beyond]).mean())))
    return found


def _quiet(
    level: NDArray[np.float64], pitch_hz: NDArray[np.float32], loud: NDArray[np.float64], counted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Frames near the floor of those that count; a frame of a pitch is speech however soft."""
    floor = _sliding(level, _FLOOR_PERCENTILE, counted)
    span = loud - floor
    quiet = level <= floor + np.minimum(_RISE * span, _MOST_RISE_DB)
    quiet &= ~((pitch_hz > 0) & (level > floor + _MOST_RISE_DB / 2))
    return quiet & (span >= _LEAST_RANGE_DB)


def _runs(quiet: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of quiet frames that last, first and beyond; short sounds within them do not end them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1], quiet.astype(np.int8), [1]])))
    filled = quiet.copy()
    for first, beyond in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if first > 0 and beyond < len(quiet) and beyond - first <= _SPIKE:
            filled[first:beyond] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(np.int8), [0]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first, beyond) for first, beyond in pairs if beyond - first >= round(MIN_PAUSE_S / HOP_S)]


def _sliding(level: NDArray[np.float64], percentile: float, counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Percentile of the frames that count about each frame, from one value each half second which is interpolated; minus
    infinity's stand-in where none counts."""
    step = round(0.5 / HOP_S)
    centres = np.arange(0, len(level) + step, step)
    values = []
    for at in np.minimum(centres, len(level) - 1).tolist():
        near = slice(max(0, at - _REACH), at + _REACH)
        values.append(np.percentile(level[near][counted[near]], percentile) if counted[near].any() else _DIGITAL_DB)
    sliding: NDArray[np.float64] = np.interp(np.arange(len(level)), centres, values)
    return sliding
