"""What becomes of decoded frames and audio: items for every specification that wants them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from reelscope_runtime.media.items import AudioSpec, FrameSpec, Samples
from reelscope_runtime.media.picture import Orientation, Painter, Target, orientation, target
from reelscope_runtime.media.sampling import FrameClock, RateSampler
from reelscope_runtime.media.sound import Timeline, Uniform, Voice
from reelscope_runtime.media.source import Limits
from reelscope_runtime.media.streams import seconds

Emit = Callable[[dict[str, Any], "np.ndarray[Any, Any] | None"], None]
"""Sends one message: its header and, for an item, the picture or the samples."""

_NOTABLE_S = 0.5
"""Less silence or overlap than this is no news."""
_LATE_S = 5.0
"""Timestamps may go so far beyond the length that the header claims before they are taken for broken."""


class Output:
    """Where messages go, with how far decoding has come.

    Attributes:
        position_s: The latest time that was decoded.
        frames: Video frames decoded.
        units: Frames of either kind decoded.
        ended: "video" and "audio" once no item of theirs comes any more.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._started_cpu_s = time.process_time()
        self.position_s = 0.0
        self.frames = 0
        self.units = 0
        self.ended: set[str] = set()

    def send(self, header: dict[str, Any], content: np.ndarray[Any, Any] | None = None) -> None:
        """Sends one message; an item brings its picture or samples."""
        progress = {
            "position_s": self.position_s,
            "frames": self.frames,
            "ended": sorted(self.ended),
            "decode_s": time.process_time() - self._started_cpu_s,
        }
        self._emit({**header, **progress}, content)


class Frames:
    """Holds each frame until the next one tells how long it is shown, then paints what the specifications want of it."""

    def __init__(self, info: Mapping[str, Any], specs: Mapping[str, FrameSpec], limits: Limits, output: Output) -> None:
        self._output = output
        video = info["video"]
        goals = {key: target(spec, video["width"], video["height"]) for key, spec in specs.items()}
        self._samplers = {key: RateSampler(spec.fps) for key, spec in specs.items()}
        self._painters: dict[Target, tuple[Painter, list[str]]] = {}
        for key, goal in goals.items():
            self._painters.setdefault(goal, (Painter(goal, limits.threads), []))[1].append(key)
        limit_s = (info["duration_s"] or limits.max_duration_s) + _LATE_S
        typical_s = 1 / video["frame_rate"] if video["frame_rate"] else 1 / 25
        self._clock = FrameClock(video["start_s"], typical_s, limit_s)
        self._held: tuple[VideoFrame, float] | None = None
        self._turn: Orientation | None = None
        self._index = -1
        self._size: tuple[int, int] | None = None
        self._resized = 0
        self._unpainted = ""
        self.end_s = 0.0

    def take(self, frame: VideoFrame) -> None:
        """The next decoded frame."""
        now = self._clock.time(seconds(frame.pts, frame.time_base))
        self._show(now)
        self._held = frame, now
        self._index += 1
        self._output.frames += 1
        self._output.position_s = max(self._output.position_s, now)
        if self._size not in (None, (frame.width, frame.height)):
            self._resized += 1
        self._size = frame.width, frame.height

    def finish(self) -> None:
        """No frame comes any more."""
        if self._held is None:
            return
        frame, _ = self._held
        self._show(self._clock.end(seconds(frame.duration, frame.time_base)))

    def _show(self, end_s: float) -> None:
        if self._held is None:
            return
        frame, time_s = self._held
        self._held = None
        self.end_s = max(self.end_s, end_s)
        wanted = {key for key, sampler in self._samplers.items() if sampler.wants(time_s, end_s)}
        if not wanted:
            return
        if self._turn is None:
            self._turn = orientation(frame)
        for painter, its_keys in self._painters.values():
            keys = [key for key in its_keys if key in wanted]
            if not keys:
                continue
            try:
                picture = painter.paint(frame, self._turn)
            except av.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                self._unpainted = error.strerror or str(error)
                continue
            header = {"keys": keys, "source": "frames", "time_s": time_s, "end_s": end_s, "index": self._index}
            self._output.send({"type": "item", "shape": picture.shape, "dtype": "uint8", **header}, picture)

    def warnings(self) -> list[str]:
        """What was odd."""
        texts = []
        if self._clock.duplicates:
            texts.append(f"{self._clock.duplicates} frames have a timestamp that does not follow the one before")
        if self._clock.repaired:
            texts.append(f"{self._clock.repaired} frames had no usable timestamp and follow the one before")
        if self._resized:
            texts.append(f"the picture changes its size {self._resized} times; scaled to the first one's")
        if self._unpainted:
            texts.append(f"some frames can't be converted: {self._unpainted}")
        return texts


class Sound:
    """Lays the decoded audio on the line and cuts it to the specifications."""

    def __init__(self, info: Mapping[str, Any], specs: Mapping[str, AudioSpec], limits: Limits, output: Output) -> None:
        self._output = output
        audio = info["audio"]
        self._zero_s = info["video"]["start_s"] if info.get("video") else audio["start_s"]
        self._rate = audio["sample_rate"]
        self._uniform = Uniform(self._rate, audio["channels"])
        limit_s = (info["duration_s"] or limits.max_duration_s) + _LATE_S
        self._line = Timeline(self._rate, audio["channels"], limit_s)
        self._voices = {key: Voice(spec, self._rate) for key, spec in specs.items()}

    @property
    def end_s(self) -> float:
        """End of the audio, seconds since zero."""
        return self._line.end_s

    def take(self, frame: AudioFrame) -> None:
        """The next decoded frame."""
        pts_s = seconds(frame.pts, frame.time_base)
        time_s = None if pts_s is None else pts_s - self._zero_s
        for samples in self._line.lay(self._uniform.samples(frame), time_s):
            self._push(samples)
        self._output.position_s = max(self._output.position_s, self.end_s)

    def finish(self) -> None:
        """No audio comes any more."""
        for key, voice in self._voices.items():
            for index, chunk in voice.flush():
                self._send(key, voice.rate, index, chunk)

    def _push(self, samples: Samples) -> None:
        for key, voice in self._voices.items():
            for index, chunk in voice.push(samples):
                self._send(key, voice.rate, index, chunk)

    def _send(self, key: str, rate: int, index: int, chunk: Samples) -> None:
        header = {"keys": [key], "source": "audio", "index": index}
        times = {"time_s": index / rate, "end_s": (index + chunk.shape[1]) / rate}
        self._output.send({"type": "item", "shape": chunk.shape, "dtype": "float32", **header, **times}, chunk)

    def warnings(self) -> list[str]:
        """What was odd."""
        texts = []
        if self._line.filled_s > _NOTABLE_S:
            texts.append(f"{self._line.filled_s:.2f} s of missing audio are silence")
        if self._line.cut_s > _NOTABLE_S:
            texts.append(f"{self._line.cut_s:.2f} s of overlapping audio were cut")
        if self._uniform.changes:
            texts.append("the audio changes its format; converted to the first one's")
        return texts
