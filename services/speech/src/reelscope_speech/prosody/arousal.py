"""How aroused a voice sounds, from what the literature agrees on: effort, pitch, liveliness and speed.

Directions and weights after Juslin & Laukka, Communication of emotions in vocal expression and music performance, Psychological
Bulletin 129, 2003 (table 7: anger and joy against sadness and tenderness) and Banse & Scherer, Acoustic profiles in vocal
emotion expression, JPSP 70, 1996; measures as in eGeMAPS (Eyben et al., IEEE Transactions on Affective Computing 7, 2016). The
recording's level takes no part: it says more of the microphone than of the speaker.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.prosody.frames import HOP_S, band_centres
from reelscope_speech.prosody.syllables import RANGE_DB, syllable_nuclei
from reelscope_speech.prosody.track import VoiceTrack

MIN_VOICED_S: Final = 0.2
"""With less voice nothing can be said."""

_HIGH_HZ: Final = 1000.0
"""Where eGeMAPS's alpha ratio divides the spectrum; louder voices have more above."""

_EDGES: Final = (10, 90)
"""Percentiles of the pitch range: without the tracker's slips."""


@dataclass(frozen=True, slots=True)
class Cues:
    """What is measured of one utterance.

    Attributes:
        effort_db: Alpha ratio: level above 1 kHz over that below, of the voiced frames.
        pitch_semitones: Median pitch over 100 Hz.
        range_semitones: 10th to 90th percentile of the pitch.
        rate: Syllables a second of sounding speech.
    """

    effort_db: float
    pitch_semitones: float
    range_semitones: float
    rate: float


@dataclass(frozen=True, slots=True)
class Voice:
    """One utterance's voice.

    Attributes:
        cues: What tells of arousal.
        pitch_median_hz: Median.
        level_db: Mean level of the sounding frames, dBFS.
        jitter: Median change of the period from one 10 ms to the next, relative.
        shimmer: Median change of the amplitude from one 10 ms to the next, relative.
        voiced_s: Length of the voiced frames.
    """

    cues: Cues
    pitch_median_hz: float
    level_db: float
    jitter: float
    shimmer: float
    voiced_s: float


USUAL: Final = Cues(effort_db=-12.0, pitch_semitones=7.0, range_semitones=6.0, rate=5.0)
"""Of calm speech: pitch midway between women and men (Traunmueller & Eriksson, 1995), range and effort of read speech, rate
after Pellegrino et al., Language 87, 2011, without pauses."""

_SPREAD: Final = Cues(effort_db=5.0, pitch_semitones=5.0, range_semitones=3.0, rate=1.0)
"""Standard deviations among speakers."""

_WEIGHTS: Final = Cues(effort_db=0.4, pitch_semitones=0.2, range_semitones=0.2, rate=0.2)
_EXTREME: Final = 2.5
"""No single cue counts for more than so many standard deviations: a slip of the tracker, an odd microphone."""


def measure(track: VoiceTrack) -> Voice | None:
    """The voice of one utterance; None where there is too little of it."""
    if len(track.level_db) == 0:
        return None
    sounding = track.speech_level_db > np.percentile(track.speech_level_db, 95) - RANGE_DB
    voiced = sounding & (track.pitch_hz > 0)
    voiced_s = float(voiced.sum()) * HOP_S
    if voiced_s < MIN_VOICED_S:
        return None
    semitones = 12 * np.log2(track.pitch_hz[voiced].astype(np.float64) / 100)
    low, high = np.percentile(semitones, _EDGES)
    syllables = len(syllable_nuclei(track.speech_level_db, track.pitch_hz))
    steps = voiced[1:] & voiced[:-1]
    return Voice(
        cues=Cues(
            effort_db=_effort(track.envelope_db[voiced]),
            pitch_semitones=float(np.median(semitones)),
            range_semitones=float(high - low),
            rate=syllables / (float(sounding.sum()) * HOP_S),
        ),
        pitch_median_hz=float(np.median(track.pitch_hz[voiced])),
        level_db=float(track.level_db[sounding].mean()),
        jitter=_median_change(track.pitch_hz.astype(np.float64), steps),
        shimmer=_median_change(10 ** (track.level_db.astype(np.float64) / 20), steps),
        voiced_s=voiced_s,
    )


def arousal(cues: Cues, usual: Cues = USUAL) -> float:
    """Arousal in [0,1]; 0.5 is usual.

    Args:
        cues: Of the utterance.
        usual: What is usual for this voice in this recording.
    """
    scores = (np.array(astuple(cues)) - np.array(astuple(usual))) / np.array(astuple(_SPREAD))
    score = float(np.array(astuple(_WEIGHTS)) @ np.clip(scores, -_EXTREME, _EXTREME))
    return 1 / (1 + float(np.exp(-score)))


def between(first: Cues, second: Cues) -> Cues:
    """Midway."""
    return Cues(*((np.array(astuple(first)) + np.array(astuple(second))) / 2).tolist())


def median(all_cues: list[Cues]) -> Cues:
    """Of each cue."""
    return Cues(*np.median([astuple(cues) for cues in all_cues], axis=0).tolist())


def _effort(envelope_db: NDArray[np.float32]) -> float:
    power = (10 ** (envelope_db.astype(np.float64) / 10)).mean(axis=0)
    high = band_centres() >= _HIGH_HZ
    return float(10 * np.log10(power[high].sum() / power[~high].sum()))


def _median_change(values: NDArray[np.float64], steps: NDArray[np.bool_]) -> float:
    """Median relative change from one frame to the next where both are voiced."""
    if not steps.any():
        return 0.0
    before, after = values[:-1][steps], values[1:][steps]
    return float(np.median(np.abs(after - before) / np.maximum((after + before) / 2, np.finfo(np.float64).tiny)))
