"""Levels of every 100 ms: K-weighted power, power, true peak, clipping, left against right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.dsp.channels import loudness_weights
from reelscope_audio.dsp.clipping import ClippingCounter
from reelscope_audio.dsp.k_weighting import KFilter
from reelscope_audio.dsp.loudness import BLOCK_S
from reelscope_audio.dsp.true_peak import DELAY, TruePeak
from reelscope_audio.features.source import sample_rate_of
from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, AudioSpec, Item

_ROWS = 6
"""Curves that are averaged over a block: K-weighted power, power, left x left, right x right, left x right, and non-zero."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Measures of consecutive blocks of 100 ms; the last of the clip may be shorter. All arrays have shape [blocks].

    Attributes:
        loudness_power: K-weighted mean square, weighted and summed over the channels.
        power: Mean square, mean over the channels.
        true_peak: Linear, largest of the channels.
        clipped: Samples at full scale in runs of three or more, all channels.
        left: Mean square of the first channel.
        right: Of the second; as the first for mono.
        cross: Mean product of both.
        sounding: Share of the samples that are not zero in every channel.
        is_full: Whether the last block is a full one.
    """

    loudness_power: NDArray[np.float64]
    power: NDArray[np.float64]
    true_peak: NDArray[np.float64]
    clipped: NDArray[np.int64]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    cross: NDArray[np.float64]
    sounding: NDArray[np.float64]
    is_full: bool = True


class AudioLevels(Feature):
    """Items: value `Levels` of the blocks that are complete, index = number of the first block."""

    name = "audio_levels"
    version = "1"
    audio = AudioSpec(sample_rate=None, mono=False)
    lookback_s: ClassVar[float] = 2 * BLOCK_S

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._rate = 0
        self._start_s = 0.0
        self._blocks = 0
        self._done = 0
        self._curves = np.zeros((_ROWS, 0))
        self._peaks = np.zeros(0, np.float32)
        self._clipped = np.zeros(0, np.int64)
        self._weights = np.zeros(0)

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a chunk of audio as it is in the file."""
        samples: NDArray[np.float32] = item.value
        if not self._rate:
            self._open(item, samples.shape[0])
        self._measure(samples, self._true_peak.feed(samples))
        return self._emit(last=False)

    def flush(self) -> Iterable[AnyItem]:
        """Gives the last, shorter block."""
        if not self._rate:
            return ()
        channels = len(self._weights)
        tail = self._true_peak.feed(np.zeros((channels, DELAY), np.float32))
        self._peaks = np.concatenate([self._peaks, tail])
        return self._emit(last=True)

    def _open(self, item: AnyItem, channels: int) -> None:
        self._rate = sample_rate_of(self.context.media, item)
        self._start_s = item.time_s
        self._weights = np.array(loudness_weights(self.context.media.audio.channel_layout, channels))
        self._filter = KFilter(self._rate, channels)
        self._true_peak = TruePeak(self._rate, channels)
        self._clipping = ClippingCounter(channels)
        self._peaks = np.zeros(0, np.float32)
        self._skip = DELAY

    def _measure(self, samples: NDArray[np.float32], peaks: NDArray[np.float32]) -> None:
        weighted = np.square(self._filter.feed(samples))
        left, right = samples[0].astype(np.float64), samples[min(1, len(samples) - 1)].astype(np.float64)
        curves = np.stack(
            [
                self._weights @ weighted,
                np.mean(np.square(samples, dtype=np.float64), axis=0),
                left * left,
                right * right,
                left * right,
                np.any(samples, axis=0),
            ]
        )
        self._curves = np.concatenate([self._curves, curves], axis=1)
        self._clipped = np.concatenate([self._clipped, self._clipping.feed(samples)])
        skipped = min(self._skip, len(peaks))
        self._skip -= skipped
        self._peaks = np.concatenate([self._peaks, peaks[skipped:]])

    def _border(self, block: int) -> int:
        return round(block * self._rate * BLOCK_S)

    def _emit(self, *, last: bool) -> Iterable[AnyItem]:
        ready = min(len(self._peaks), self._curves.shape[1])
        first = self._blocks
        borders = [0]
        while self._border(first + len(borders)) - self._done <= ready:
            borders.append(self._border(first + len(borders)) - self._done)
        is_full = not (last and borders[-1] < self._curves.shape[1])
        if not is_full:
            borders.append(self._curves.shape[1])
        if len(borders) == 1:
            return
        starts, lengths, end = borders[:-1], np.diff(borders), borders[-1]
        means = np.add.reduceat(self._curves[:, :end], starts, axis=1) / lengths
        levels = Levels(
            loudness_power=means[0],
            power=means[1],
            true_peak=np.maximum.reduceat(self._peaks[:end], starts).astype(np.float64),
            clipped=np.add.reduceat(self._clipped[:end], starts),
            left=means[2],
            right=means[3],
            cross=means[4],
            sounding=means[5],
            is_full=is_full,
        )
        begin_s = self._start_s + self._done / self._rate
        self._curves, self._peaks, self._clipped = self._curves[:, end:], self._peaks[end:], self._clipped[end:]
        self._blocks += len(starts)
        self._done += end
        yield Item(self.name, begin_s, self._start_s + self._done / self._rate, first, levels)
