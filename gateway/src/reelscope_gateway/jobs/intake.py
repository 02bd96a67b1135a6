"""Takes a clip in: looks into it, keeps it, and measures both."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reelscope.analysis.v1.analysis_pb2 import StageTiming
from reelscope.analysis.v1.media_pb2 import MediaInfo, MediaRef
from reelscope.gateway.v1.gateway_pb2 import Job
from reelscope_gateway.store.base import ClipStore
from reelscope_runtime.errors import MediaTooLargeError


class Prober(Protocol):
    """What looks into a file (`reelscope_runtime.media.host.MediaHost`)."""

    def probe(self, path: Path) -> MediaInfo:
        """The file's streams. Raises MediaError. Blocks."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that was taken in."""

    ref: MediaRef
    info: MediaInfo
    timing: tuple[StageTiming, ...]

    def write_to(self, job: Job) -> None:
        """Puts it into the job's record."""
        job.media.CopyFrom(self.ref)
        job.media_info.CopyFrom(self.info)
        job.timing.extend(self.timing)


class Intake:
    """Probes first: what can't be read is not kept.

    Args:
        prober: Looks into files.
        store: Keeps them.
        max_duration_s: Longest clip that is analyzed.
    """

    def __init__(self, prober: Prober, store: ClipStore, *, max_duration_s: float) -> None:
        self._prober = prober
        self._store = store
        self._max_duration_s = max_duration_s

    async def take_copy(self, path: Path, filename: str) -> Clip:
        """Takes in a file that stays where it is.

        Raises:
            MediaError: It can't be read as video or audio, or is longer than the limit.
            UnavailableError: The store does not take it.
        """
        info, probe = await self._probe(path)
        started = time.perf_counter()
        ref = await self._store.keep_copy(path, filename)
        return self._clip(ref, info, probe, started)

    async def take(self, path: Path, filename: str) -> Clip:
        """Takes in a file of our own, which is moved. Raises as `take_copy`."""
        info, probe = await self._probe(path)
        started = time.perf_counter()
        ref = await self._store.keep(path, filename)
        return self._clip(ref, info, probe, started)

    async def _probe(self, path: Path) -> tuple[MediaInfo, StageTiming]:
        started = time.perf_counter()
        info = await asyncio.to_thread(self._prober.probe, path)
        if info.duration_s > self._max_duration_s:
            raise MediaTooLargeError(
                f"the clip lasts {info.duration_s:.0f} s, the limit is {self._max_duration_s:.0f} s "
                "(REELSCOPE_MEDIA__MAX_DURATION_S)"
            )
        return info, StageTiming(stage="probe", seconds=time.perf_counter() - started)

    @staticmethod
    def _clip(ref: MediaRef, info: MediaInfo, probe: StageTiming, store_started: float) -> Clip:
        info.sha256 = ref.sha256
        info.size_bytes = ref.size_bytes
        return Clip(ref, info, (probe, StageTiming(stage="store", seconds=time.perf_counter() - store_started)))
