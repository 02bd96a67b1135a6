"""From decoded audio frames to the chunks that the specifications want: one gapless line of samples since time zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from reelscope_runtime.media.items import AudioSpec, Samples

_TOLERANCE_S = 0.015
"""Timestamps may be so far off the count of samples: containers round to 1 ms and recorders jitter. Less than one AAC frame
(21 ms at 48 kHz), so that a single lost packet is seen."""

_SILENCE_BLOCK_S = 1.0
"""Silence is made in blocks, so that a long gap costs no memory."""


def floats(frame: AudioFrame) -> Samples:
    """Samples of a frame as [channels, samples] float32, full scale = 1. Exact for 8, 16 and 24 bits."""
    raw: NDArray[Any] = frame.to_ndarray()
    channels = len(frame.layout.channels)
    if not frame.format.is_planar:
        raw = raw.reshape(-1, channels).T
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - 128.0) / 128.0
    if raw.dtype.kind == "i":
        return (raw * (1.0 / -float(np.iinfo(raw.dtype).min))).astype(np.float32)
    return raw.astype(np.float32)


class Uniform:
    """Gives every frame the rate and channels of the first: some streams change them midway.

    Args:
        rate: Hz.
        channels: Count.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._resampler: AudioResampler | None = None
        self._kind: tuple[int, str, str] | None = None
        self.changes = 0

    def samples(self, frame: AudioFrame) -> Samples:
        """[channels, samples] at the uniform rate."""
        if frame.sample_rate == self._rate and len(frame.layout.channels) == self._channels:
            return floats(frame)
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if self._resampler is None or kind != self._kind:
            self._kind = kind
            self.changes += 1
            self._resampler = AudioResampler("fltp", _layout(self._channels), self._rate)
        frame.pts = None
        parts = [floats(part) for part in self._resampler.resample(frame)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((self._channels, 0), np.float32)


def _layout(channels: int) -> str:
    return {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}.get(channels, f"{channels}c")


class Timeline:
    """Lays audio on the clock: sample number / rate is its time since zero. Gaps become silence, overlaps are cut.

    Args:
        rate: Hz.
        channels: Count.
        limit_s: Where the media ends at the latest; timestamps beyond it are broken and ignored.
    """

    def __init__(self, rate: int, channels: int, limit_s: float) -> None:
        self._rate = rate
        self._channels = channels
        self._limit_s = limit_s
        self._count = 0
        self._started = False
        self.filled_s = 0.0
        self.cut_s = 0.0

    @property
    def end_s(self) -> float:
        """End of what was laid so far."""
        return self._count / self._rate

    def lay(self, samples: Samples, time_s: float | None) -> Iterator[Samples]:
        """What comes next on the line: silence up to `time_s` if need be, then the samples.

        Args:
            samples: [channels, samples].
            time_s: Since time zero, may be negative; None: unknown, right after what came before.
        """
        offset = 0
        if time_s is not None and time_s <= self._limit_s:
            offset = round(time_s * self._rate) - self._count
            if self._started and abs(offset) <= _TOLERANCE_S * self._rate:
                offset = 0
        if offset < 0:
            cut = min(-offset, samples.shape[1])
            self.cut_s += cut / self._rate if self._started else 0.0
            samples = samples[:, cut:]
        if samples.shape[1] == 0:
            return
        if offset > 0:
            self.filled_s += offset / self._rate
            block = round(_SILENCE_BLOCK_S * self._rate)
            while offset > 0:
                count = min(offset, block)
                offset -= count
                self._count += count
                yield np.zeros((self._channels, count), np.float32)
        self._started = True
        self._count += samples.shape[1]
        yield samples


class Voice:
    """Brings the line into the form of one specification.

    Args:
        spec: What is wanted.
        rate: Hz of the line.
    """

    def __init__(self, spec: AudioSpec, rate: int) -> None:
        self._spec = spec
        self._source_rate = rate
        self.rate = spec.sample_rate or rate
        self._resamplers: list[AudioResampler] = []
        self._pending: list[Samples] = []
        self._pending_count = 0
        self._chunk = max(1, round(spec.chunk_s * self.rate))
        self.index = 0

    def push(self, samples: Samples) -> Iterator[tuple[int, Samples]]:
        """Takes samples [channels, n] of the line; gives (index of the first sample, whole chunk)."""
        if self._spec.mono and samples.shape[0] > 1:
            samples = samples.mean(axis=0, keepdims=True)
        self._keep(self._resampled(samples))
        while self._pending_count >= self._chunk:
            yield self._cut(self._chunk)

    def flush(self) -> Iterator[tuple[int, Samples]]:
        """The line is over: gives the rest."""
        self._keep(_stack([_joined(resampler.resample(None)) for resampler in self._resamplers]))
        while self._pending_count > 0:
            yield self._cut(min(self._chunk, self._pending_count))

    def _resampled(self, samples: Samples) -> Samples:
        if self.rate == self._source_rate:
            return samples
        if not self._resamplers:  # one a channel: the resampler would mix by its own rules otherwise
            self._resamplers = [AudioResampler("fltp", "mono", self.rate) for _ in samples]
        parts = []
        for channel, resampler in zip(samples, self._resamplers, strict=True):
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(channel[None]), "fltp", "mono")
            frame.sample_rate = self._source_rate
            parts.append(_joined(resampler.resample(frame)))
        return _stack(parts)

    def _keep(self, samples: Samples) -> None:
        if samples.size:
            self._pending.append(samples)
            self._pending_count += samples.shape[1]

    def _cut(self, count: int) -> tuple[int, Samples]:
        joined = np.concatenate(self._pending, axis=1)
        rest = joined[:, count:]
        self._pending = [rest] if rest.size else []
        self._pending_count = rest.shape[1]
        index = self.index
        self.index += count
        return index, np.ascontiguousarray(joined[:, :count])


def _joined(frames: list[AudioFrame]) -> Samples:
    parts = [floats(frame) for frame in frames]
    return np.concatenate(parts, axis=1) if parts else np.zeros((1, 0), np.float32)


def _stack(parts: list[Samples]) -> Samples:
    return np.concatenate(parts, axis=0) if parts else np.zeros((1, 0), np.float32)
