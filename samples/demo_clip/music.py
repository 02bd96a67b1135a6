"""The music: four chords in D major, a beat, a bass and a plucked figure, all computed.

Signals are float64, shape (2, samples), at `SAMPLE_RATE_HZ`; single sounds may be mono. All noise is seeded.
"""

import numpy as np
import numpy.typing as npt

from demo_clip.storyboard import TEMPO_BPM, TOTAL_BEATS
from demo_clip.voice import SAMPLE_RATE_HZ

Signal = npt.NDArray[np.float64]

BEAT_S = 60.0 / TEMPO_BPM
BEATS_PER_BAR = 4
FINAL_BEAT = 32  # the last chord is struck here and rings out under the fade to black
DRUM_SEED = 20_240_501
ROOM_S = 1.1
# I - V - vi - IV in D: bass note, then the chord, as MIDI note numbers (69 = A4 = 440 Hz)
CHORDS = (
    (38, (62, 66, 69, 74)),
    (33, (61, 64, 69, 73)),
    (35, (62, 66, 71, 74)),
    (31, (62, 67, 71, 74)),
)
ON_BEAT_PLUCK, OFF_BEAT_PLUCK = 0.16, 0.07  # the beat stands out, so that the tempo is heard as 100, not 200
FIGURE = (0, 2, 1, 3, 2, 1, 3, 2)  # which chord note each eighth plucks


def compose() -> Signal:
    """Return the whole piece, shape (2, samples), peak 1; the first beat falls on its first sample."""
    length = round(TOTAL_BEATS * BEAT_S * SAMPLE_RATE_HZ)
    tune = np.zeros((2, length))
    drums = np.zeros((2, length))
    for bar in range(-(-TOTAL_BEATS // BEATS_PER_BAR)):
        bass, chord = CHORDS[bar % len(CHORDS)]
        start = bar * BEATS_PER_BAR
        is_final = start == FINAL_BEAT
        beats = TOTAL_BEATS - start if is_final else BEATS_PER_BAR
        for note in chord:
            _add(tune, start, _pad(note, beats * BEAT_S), gain=0.07)
        for beat, long in ((0.0, 1.5), (1.5, 0.5), (2.0, 1.5), (3.5, 0.5)) if not is_final else ((0.0, 2.0),):
            _add(tune, start + beat, _bass(bass, long * BEAT_S), gain=0.34)
        for eighth in range(1 if is_final else 2 * BEATS_PER_BAR):
            note = chord[FIGURE[eighth]] + 12
            gain = OFF_BEAT_PLUCK if eighth % 2 else ON_BEAT_PLUCK
            _add(tune, start + eighth / 2, _pluck(note), gain=gain, pan=0.45 * (-1) ** eighth)
    rng = np.random.default_rng(DRUM_SEED)
    kick, clap, hat = _kick(), _clap(rng), _hat(rng)
    for beat in range(FINAL_BEAT + 1):
        _add(drums, beat, kick, gain=0.62)
        if beat < FINAL_BEAT:
            _add(drums, beat + 0.5, hat, gain=0.06, pan=0.2)
        if beat % 2 and beat >= BEATS_PER_BAR:
            _add(drums, beat, clap, gain=0.24, pan=-0.1)
    tune += 0.22 * _room(tune, rng)
    mixed = tune * _pump(length) + drums
    peak = float(np.abs(mixed).max())
    return mixed / peak


def _add(track: Signal, beat: float, sound: Signal, *, gain: float, pan: float = 0.0) -> None:
    """Add a mono or stereo sound at a beat; `pan` runs from -1 (left) to 1 (right) at constant power."""
    first = round(beat * BEAT_S * SAMPLE_RATE_HZ)
    length = min(sound.shape[-1], track.shape[1] - first)
    angle = (pan + 1.0) * np.pi / 4.0
    sides = np.sqrt(2.0) * np.array([[np.cos(angle)], [np.sin(angle)]])
    track[:, first : first + length] += gain * sides * sound[..., :length]


def _time(seconds: float) -> Signal:
    return np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def _hertz(note: int) -> float:
    return float(440.0 * 2.0 ** ((note - 69) / 12.0))


def _edges(t: Signal, attack_s: float, release_s: float) -> Signal:
    """Return a gain curve that rises in `attack_s` and falls to 0 in `release_s` at the end of `t`."""
    left = t[-1] - t
    return np.asarray(np.clip(t / attack_s, 0.0, 1.0) * np.clip(left / release_s, 0.0, 1.0))


def _pad(note: int, seconds: float) -> Signal:
    """Return a warm held note, its two sides slightly apart in pitch."""
    t = _time(seconds + 0.25)
    sides = [
        sum(np.sin(2.0 * np.pi * k * _hertz(note) * detune * t + k) / k**1.8 for k in range(1, 7))
        for detune in (0.9985, 1.0015)
    ]
    return np.asarray(sides) * _edges(t, 0.12, 0.3)


def _bass(note: int, seconds: float) -> Signal:
    t = _time(seconds)
    tone = sum(np.sin(2.0 * np.pi * k * _hertz(note) * t) / k**1.6 for k in range(1, 5))
    return np.asarray(tone) * np.exp(-1.6 * t) * _edges(t, 0.006, 0.05)


def _pluck(note: int) -> Signal:
    t = _time(0.55)
    hertz = _hertz(note)
    harmonics = sum(np.sin(2.0 * np.pi * k * hertz * t) * np.exp(-5.0 * k * t) / k for k in range(1, 6))
    return np.asarray(harmonics) * _edges(t, 0.003, 0.1)


def _kick() -> Signal:
    t = _time(0.28)
    phase = 2.0 * np.pi * (46.0 * t + (120.0 - 46.0) * 0.045 * (1.0 - np.exp(-t / 0.045)))
    return np.sin(phase) * np.exp(-t / 0.085) * _edges(t, 0.001, 0.05)


def _clap(rng: np.random.Generator) -> Signal:
    t = _time(0.22)
    bursts = sum(np.where(t >= d, np.exp(-np.maximum(t - d, 0.0) / 0.045), 0.0) for d in (0.0, 0.011, 0.022))
    return _band(rng.standard_normal(len(t)), 900.0, 4_500.0) * bursts * _edges(t, 0.001, 0.05)


def _hat(rng: np.random.Generator) -> Signal:
    t = _time(0.09)
    return _band(rng.standard_normal(len(t)), 7_000.0, 16_000.0) * np.exp(-t / 0.022) * _edges(t, 0.001, 0.02)


def _band(noise: Signal, low_hz: float, high_hz: float) -> Signal:
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1.0 / SAMPLE_RATE_HZ)
    spectrum[(hertz < low_hz) | (hertz > high_hz)] = 0.0
    return np.fft.irfft(spectrum, len(noise))


def _room(dry: Signal, rng: np.random.Generator) -> Signal:
    """Return the sound of a small room: convolution with decaying noise, a different one for each side."""
    t = _time(ROOM_S)
    echo = rng.standard_normal((2, len(t))) * np.exp(-t / 0.22)
    echo /= np.sqrt((echo**2).sum(axis=1, keepdims=True))
    length = dry.shape[1] + len(t) - 1
    return np.fft.irfft(np.fft.rfft(dry, length) * np.fft.rfft(echo, length), length)[:, : dry.shape[1]]


def _pump(length: int) -> Signal:
    """Return the gain that lets the kick through: 3.7 dB down on each beat, back in a third of a second."""
    since_beat = np.mod(np.arange(length) / SAMPLE_RATE_HZ, BEAT_S)
    return 1.0 - 0.35 * np.exp(-since_beat / 0.11)
