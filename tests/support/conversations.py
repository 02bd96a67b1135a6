"""Conversations made of recordings of single speakers, and the diarization error rate of what was found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

RATE = 16000
COLLAR_S = 0.25
"""Around each true edge nothing is scored, as in NIST's evaluations: edges are not known better by people."""

LOUDNESS = 0.1
"""RMS of a turn before its speaker's own level."""

_STEP_S = 0.01

Speech = NDArray[np.float32]
"""Shape [samples], mono at RATE."""

Stretch = tuple[float, float, str]
"""Start and end in seconds, and who speaks."""


def diarization_error(truth: Sequence[Stretch], found: Sequence[Stretch], *, collar_s: float = COLLAR_S) -> float:
    """Missed, false and confused speech over all speech, with the mapping of names that suits best.

    One speaker at a time on either side.
    """
    count = round(max(stretch[1] for stretch in [*truth, *found]) / _STEP_S) + 1
    times = (np.arange(count) + 0.5) * _STEP_S
    scored = np.ones(count, bool)
    for start_s, end_s, _ in truth:
        for edge_s in (start_s, end_s):
            scored &= np.abs(times - edge_s) >= collar_s
    real, said = _labels(truth, times)[scored], _labels(found, times)[scored]
    speakers, names = int(real.max()) + 1, int(said.max(initial=-1)) + 1
    overlap = [[int(np.sum((real == speaker) & (said == name))) for name in range(names)] for speaker in range(speakers)]
    overlap = [row + [0] * max(0, speakers - names) for row in overlap]
    right = max(
        sum(overlap[speaker][name] for speaker, name in enumerate(order))
        for order in permutations(range(max(speakers, names)), speakers)
    )
    spoken = int(np.sum(real >= 0))
    false = int(np.sum((real < 0) & (said >= 0)))
    return (spoken - right + false) / spoken


def _labels(stretches: Sequence[Stretch], times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Number of the name at each time, -1 for none."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(name for _, _, name in stretches))}
    labels = np.full(len(times), -1, np.intp)
    for start_s, end_s, name in stretches:
        labels[(times >= start_s) & (times < end_s)] = numbers[name]
    return labels


def converse(
    speakers: Mapping[str, Speech], *, turns: int, seed: int, level_db: float = 6.0, turn_s: tuple[float, float] = (1.5, 5.0)
) -> tuple[Speech, list[Stretch]]:
    """Alternating turns with pauses of 0.2 to 1 s between them.

    Args:
        speakers: Speech of each without long pauses; turns go on where the last one stopped, or anywhere at its end.
        turns: How many; the first ones go round.
        seed: Of order, lengths, pauses and levels.
        level_db: Speakers differ by so much at most.
        turn_s: Shortest and longest turn, as far as there is so much speech.

    Returns:
        The sound and the true turns.
    """
    random = np.random.default_rng(seed)
    names = list(speakers)
    gains = {name: LOUDNESS * 10 ** (random.uniform(-level_db / 2, level_db / 2) / 20) for name in names}
    positions = dict.fromkeys(names, 0)
    parts: list[Speech] = []
    truth: list[Stretch] = []
    at = 0
    for turn in range(turns):
        others = [name for name in names if not truth or name != truth[-1][2]]
        name = names[turn] if turn < len(names) else others[int(random.integers(len(others)))]
        speech = speakers[name]
        length = min(round(random.uniform(*turn_s) * RATE), len(speech))
        first = positions[name]
        if first + length > len(speech):
            first = int(random.integers(len(speech) - length + 1))
        positions[name] = first + length
        words = _faded(speech[first : first + length])
        pause = round(random.uniform(0.2, 1.0) * RATE)
        parts += [np.zeros(pause, np.float32), gains[name] * words / np.sqrt(np.mean(words**2))]
        truth.append(((at + pause) / RATE, (at + pause + length) / RATE, name))
        at += pause + length
    return np.concatenate(parts).astype(np.float32), truth


def _faded(speech: Speech) -> Speech:
    """Without clicks at the cuts."""
    ramp = np.linspace(0.0, 1.0, RATE // 100, dtype=np.float32)
    faded = speech.copy()
    faded[: len(ramp)] *= ramp
    faded[-len(ramp) :] *= ramp[::-1]
    return faded


def through_one_channel(sound: Speech, *, seed: int) -> Speech:
    """One microphone, room and noise for all who speak: an uneven response, an echo that fades by 60 dB in 0.28 s, a hiss."""
    random = np.random.default_rng(seed)
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    response_db = np.interp(frequencies, [0, 200, 500, 1000, 2000, 3400, 5000, 8000], [*random.uniform(-6, 4, 6), -15, -30])
    heard = np.fft.irfft(np.fft.rfft(sound) * 10 ** (response_db / 20), len(sound))
    seconds = np.arange(RATE // 4) / RATE
    room = random.standard_normal(len(seconds)) * np.exp(-seconds / 0.04)
    room[0] = 12.0
    size = len(sound) + len(room)
    heard = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(room / room[0], size), size)[: len(sound)]
    return (heard + 10 ** (-52 / 20) * random.standard_normal(len(sound))).astype(np.float32)
