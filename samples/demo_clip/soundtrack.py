"""Mixes the narrator over the music. Signals are float64, shape (2, samples), at `SAMPLE_RATE_HZ`."""

import numpy as np
import numpy.typing as npt

from demo_clip.loudness import integrated_lufs, limit, master
from demo_clip.music import compose
from demo_clip.storyboard import FADE_OUT_FRAMES, FPS, TOTAL_FRAMES
from demo_clip.voice import SAMPLE_RATE_HZ, Utterance

Signal = npt.NDArray[np.float64]

TARGET_LUFS = -16.0
CEILING = 10.0 ** (-2.0 / 20.0)  # -2 dBFS: AAC adds up to about a decibel to the peaks
VOICE_LUFS = -17.0
VOICE_CEILING = 10.0 ** (-5.0 / 20.0)  # evens out the loudest syllables
MUSIC_LUFS = -23.0
DUCK_DB = -8.0  # how far the music steps back while someone speaks
DUCK_RAMP_S = 0.35
VOICE_LOW_CUT_HZ = 90.0
PRESENCE_HZ = 3_200.0
PRESENCE_DB = 3.0  # the voice is a little dull for a phone's speaker


def mix(utterances: list[Utterance]) -> Signal:
    """Return the soundtrack: exactly as long as the picture, `TARGET_LUFS`, silent at the very end."""
    length = TOTAL_FRAMES * SAMPLE_RATE_HZ // FPS
    voice = np.zeros((2, length))
    speaking = np.zeros(length)
    for utterance in utterances:
        first = round(utterance.start_s * SAMPLE_RATE_HZ)
        voice[:, first : first + len(utterance.samples)] += _polish(utterance.samples)
        spoken = utterance.words[0].start_s, utterance.words[-1].end_s
        speaking[round(spoken[0] * SAMPLE_RATE_HZ) : round(spoken[1] * SAMPLE_RATE_HZ)] = 1.0
    voice = _to_loudness(voice, VOICE_LUFS)
    voice = _to_loudness(limit(voice, SAMPLE_RATE_HZ, ceiling=VOICE_CEILING), VOICE_LUFS)
    ramp = np.hanning(round(2.0 * DUCK_RAMP_S * SAMPLE_RATE_HZ) | 1)
    ducked = _convolve_same(speaking, ramp / ramp.sum())
    music = _to_loudness(compose(), MUSIC_LUFS) * 10.0 ** (DUCK_DB * ducked / 20.0)
    fade = np.clip((length - 1 - np.arange(length)) / (FADE_OUT_FRAMES * SAMPLE_RATE_HZ / FPS), 0.0, 1.0)
    return master((voice + music) * np.sqrt(fade), SAMPLE_RATE_HZ, target_lufs=TARGET_LUFS, ceiling=CEILING)


def _to_loudness(signal: Signal, lufs: float) -> Signal:
    gain: float = 10.0 ** ((lufs - integrated_lufs(signal, SAMPLE_RATE_HZ)) / 20.0)
    return signal * gain


def _polish(samples: Signal) -> Signal:
    """Return the voice without rumble and with more presence; its phase, and so its timing, is unchanged."""
    hertz = np.fft.rfftfreq(len(samples), 1.0 / SAMPLE_RATE_HZ)
    low_cut = 1.0 / (1.0 + (VOICE_LOW_CUT_HZ / np.maximum(hertz, 1.0)) ** 4)
    octaves = np.log2(np.maximum(hertz, 1.0) / PRESENCE_HZ)
    presence = 10.0 ** (PRESENCE_DB * np.exp(-(octaves**2)) / 20.0)
    return np.fft.irfft(np.fft.rfft(samples) * low_cut * presence, len(samples))


def _convolve_same(signal: Signal, kernel: Signal) -> Signal:
    length = len(signal) + len(kernel) - 1
    full = np.fft.irfft(np.fft.rfft(signal, length) * np.fft.rfft(kernel, length), length)
    return full[len(kernel) // 2 :][: len(signal)]
