"""Packs speech regions into windows that Whisper reads at once, with the audio that belongs to them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.voice_activity import SAMPLE_RATE

MAX_WINDOW_S: Final = 28.0
"""Whisper reads 30 s; the rest is for the margins and so that the last word is never at the very edge."""

MAX_GAP_S: Final = 2.0
"""A longer pause ends the window: silence within a window invites invented text, and results come earlier."""

MARGIN_S: Final = 0.4
"""Audio before the first and after the last region, as faster-whisper pads: the network reads edges badly."""

MIN_UNREAD_S: Final = 0.6
"""Whisper sometimes stops at the end of a sentence though speech goes on; what it left is read again if it is so long.
The ends of words and of regions differ by up to 0.3 s."""

MIN_READ_S: Final = 0.1
"""What was read up to no further than this would be read the same again, and for ever."""

_HISTORY_S: Final = 2.0
"""Audio kept while nobody speaks: a region is known from its start on, which lies in the chunk that is already here."""


@dataclass(frozen=True, slots=True)
class Window:
    """Audio that holds speech.

    Attributes:
        start_s: Time of the first sample.
        samples: Mono, 16 kHz.
        regions: The speech in it.
    """

    start_s: float
    samples: NDArray[np.float32]
    regions: tuple[Region, ...]

    @property
    def speech_s(self) -> float:
        """Length of the speech in it."""
        return sum(region.end_s - region.start_s for region in self.regions)

    def after(self, time_s: float) -> Window | None:
        """What was not read if reading stopped at `time_s`; None where that is next to nothing, or nearly all."""
        unread = tuple(replace(region, start_s=max(region.start_s, time_s)) for region in self.regions if region.end_s > time_s)
        unread_s = sum(region.end_s - region.start_s for region in unread)
        if unread_s < MIN_UNREAD_S or unread_s > self.speech_s - MIN_READ_S:
            return None
        start_s = max(self.start_s, time_s, unread[0].start_s - MARGIN_S)
        first = round((start_s - self.start_s) * SAMPLE_RATE)
        return Window(start_s, self.samples[first:], unread)


@dataclass(slots=True)
class _AudioBuffer:
    """The last stretch of the audio, addressed by time."""

    start_s: float = 0.0
    chunks: deque[NDArray[np.float32]] = field(default_factory=deque)
    length: int = 0

    @property
    def end_s(self) -> float:
        return self.start_s + self.length / SAMPLE_RATE

    def append(self, time_s: float, samples: NDArray[np.float32]) -> None:
        if not self.chunks:
            self.start_s = time_s
        self.chunks.append(samples)
        self.length += len(samples)

    def drop_before(self, time_s: float) -> None:
        while self.chunks and self.start_s + len(self.chunks[0]) / SAMPLE_RATE <= time_s:
            dropped = len(self.chunks.popleft())
            self.start_s += dropped / SAMPLE_RATE
            self.length -= dropped

    def cut(self, start_s: float, end_s: float) -> tuple[float, NDArray[np.float32]]:
        first = max(0, round((start_s - self.start_s) * SAMPLE_RATE))
        last = max(first, round((end_s - self.start_s) * SAMPLE_RATE))
        samples = np.concatenate([*self.chunks, np.zeros(0, np.float32)])[first:last]
        return self.start_s + first / SAMPLE_RATE, samples


class WindowPacker:
    """Takes audio and regions in the order of their times; gives windows as soon as they can't grow any more."""

    def __init__(self) -> None:
        self._audio = _AudioBuffer()
        self._regions: list[Region] = []
        self._floor_s = 0.0

    def add_region(self, region: Region) -> Iterable[Window]:
        """Takes a region, before or after its audio."""
        if self._regions and not self._fits(region):
            yield from self.finish(region.start_s)
        self._regions.append(region)

    def add_audio(self, time_s: float, samples: NDArray[np.float32]) -> Iterable[Window]:
        """Takes the next mono samples at 16 kHz, which start at `time_s`."""
        if self._regions and time_s >= self._regions[-1].end_s + MAX_GAP_S:
            yield from self.finish()
        self._audio.append(time_s, samples)
        keep_s = self._regions[0].start_s if self._regions else self._audio.end_s
        self._audio.drop_before(keep_s - _HISTORY_S)

    def finish(self, until_s: float = math.inf) -> Iterable[Window]:
        """Closes the open window, whose margin ends at `until_s` at the latest: there the next one's speech begins."""
        if not self._regions:
            return
        regions, self._regions = tuple(self._regions), []
        wanted_s = max(self._floor_s, regions[0].start_s - MARGIN_S)
        end_s = regions[-1].end_s if regions[-1].continues else min(regions[-1].end_s + MARGIN_S, until_s)
        start_s, samples = self._audio.cut(wanted_s, end_s)
        self._floor_s = regions[-1].end_s
        if len(samples):
            yield Window(start_s, samples, regions)

    def _fits(self, region: Region) -> bool:
        gap_s = region.start_s - self._regions[-1].end_s
        return gap_s <= MAX_GAP_S and region.end_s - self._regions[0].start_s <= MAX_WINDOW_S
