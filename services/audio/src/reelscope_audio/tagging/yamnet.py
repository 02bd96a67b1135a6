"""YAMNet: a score for each of AudioSet's classes, every 0.24 s.

Source: Google's YAMNet (Apache-2.0). Its input is made here as in its own code: 25 ms Hann frames each 10 ms, 512-point
magnitude spectra, 64 HTK mel bands from 125 to 7500 Hz, log(x + 0.001), patches of 96 frames.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.dsp.stft import Framer, MelBank, hann
from reelscope_audio.tagging.tags import Label, Step

SAMPLE_RATE: Final = 16000
LABELS: Final = "yamnet_class_map.csv"

_FRAME: Final = 400
_HOP: Final = 160
_FFT: Final = 512
_BANDS: Final = 64
_LOW_HZ: Final = 125.0
_HIGH_HZ: Final = 7500.0
_OFFSET: Final = 1e-3
_PATCH: Final = 96

_FRAME_S: Final = _HOP / SAMPLE_RATE
PATCH_S: Final = ((_PATCH - 1) * _HOP + _FRAME) / SAMPLE_RATE
"""A patch spans 0.975 s."""

PATCH_HOP: Final = 24
"""Frames from patch to patch: half of YAMNet's own, since boundaries are then twice as exact for 15 ms a second."""

STEP_S: Final = PATCH_HOP * _FRAME_S
"""Each step stands for so much time about the centre of its patch."""


class Yamnet:
    """The network over a stream.

    Args:
        model: The loaded network with its labels as an asset.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - the pool's wrapper
        self.labels = read_labels(model)
        self._model = model
        self._framer = Framer(_FRAME, _HOP)
        self._window = hann(_FRAME)
        self._bank = MelBank(_BANDS, _FFT // 2 + 1, SAMPLE_RATE, _LOW_HZ, _HIGH_HZ)
        self._frames = np.zeros((0, _BANDS), np.float32)
        self._history = self._frames
        self._first_frame = 0
        self._covered_s = 0.0
        self._end_s = 0.0

    def feed(self, samples: NDArray[np.float32]) -> Iterable[Step]:
        """Takes mono samples at 16 kHz."""
        self._end_s += len(samples) / SAMPLE_RATE
        self._add(self._framer.feed(samples))
        count = max(0, (len(self._frames) - _PATCH) // PATCH_HOP + 1)
        if not count:
            return
        patches = np.stack([self._frames[first * PATCH_HOP : first * PATCH_HOP + _PATCH] for first in range(count)])
        for number, row in enumerate(self._score(patches)):
            # The centre of the patch, and half a step more.
            centre = (self._first_frame + number * PATCH_HOP) * _FRAME_S + PATCH_S / 2
            self._covered_s = min(centre + STEP_S / 2, self._end_s)
            yield self._covered_s, row
        self._history = np.concatenate([self._history, self._frames[: count * PATCH_HOP]])[-_PATCH:]
        self._frames = self._frames[count * PATCH_HOP :]
        self._first_frame += count * PATCH_HOP

    def finish(self) -> Iterable[Step]:
        """Gives what the last patch, which ends with the audio, holds."""
        if self._end_s - self._covered_s <= 0:
            return
        self._add(self._framer.finish())
        last = np.concatenate([self._history, self._frames])[-_PATCH:]
        if len(last) < _PATCH:
            silence = np.full((_PATCH - len(last), _BANDS), np.log(_OFFSET), np.float32)
            last = np.concatenate([last, silence])
        yield self._end_s, self._score(last[None])[0]

    def _add(self, frames: NDArray[np.float32]) -> None:
        if len(frames):
            spectra = np.abs(np.fft.rfft(frames * self._window, _FFT)).astype(np.float32)
            self._frames = np.concatenate([self._frames, np.log(self._bank.apply(spectra) + np.float32(_OFFSET))])

    def _score(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = self._model.run(None, {"audio": np.ascontiguousarray(patches[:, None])})[0]
        return scores


def read_labels(model: Any) -> tuple[Label, ...]:  # noqa: ANN401 - the pool's wrapper
    """The classes that come with the network, in the order of its output."""
    with model.assets[LABELS].open(encoding="utf-8", newline="") as file:
        return tuple(Label(row["display_name"], row["mid"]) for row in csv.DictReader(file))
