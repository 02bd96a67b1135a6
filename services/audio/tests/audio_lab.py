"""Feeds the nodes with decoded files or made samples, without the runtime's engine: the nodes alone are under test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment
from reelscope.audio.v1.details_pb2 import AudioEventSummary, AudioSummary, MusicSummary
from reelscope_runtime.engine.node import Analyzer, Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, AudioSpec, Item

MEDIA = Path(__file__).resolve().parents[3].parent / "shared" / "media"

Array = NDArray[np.float32]


class OnnxSession:
    """What nodes use of the pool's wrapper."""

    def __init__(self, path: Path, assets: dict[str, Path]) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.assets = assets

    def run(self, outputs: list[str] | None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        result: list[NDArray[Any]] = self._session.run(outputs, feeds)
        return result


@dataclass
class Heard:
    """What the analyzers gave for one clip."""

    audio: AudioSummary
    segments: list[Segment]
    environment: AudioEventSummary
    events: list[Segment]
    music: MusicSummary
    music_segments: list[Segment]

    def kinds(self) -> list[str]:
        return [segment.audio.kind for segment in self.segments]

    def event(self, *labels: str) -> Segment:
        found = [segment for segment in self.events if segment.audio_event.label in labels]
        assert found, f"no {labels} among {[segment.audio_event.label for segment in self.events]}"
        return max(found, key=lambda segment: segment.audio_event.peak)


@dataclass
class Sound:
    """Samples, shape [channels, samples], and their form."""

    samples: Array
    rate: int = 48000
    layout: str = ""

    @property
    def duration_s(self) -> float:
        count: int = self.samples.shape[1]
        return count / self.rate

    def resampled(self, spec: AudioSpec) -> Sound:
        if spec.sample_rate is None:
            return self
        source = np.ascontiguousarray(self.samples.mean(axis=0, keepdims=True, dtype=np.float32))
        if self.rate == spec.sample_rate or not source.size:
            return Sound(source, self.rate)
        frame = av.AudioFrame.from_ndarray(source, format="fltp", layout="mono")
        frame.sample_rate = self.rate
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=spec.sample_rate)
        pieces = [out.to_ndarray() for out in (*resampler.resample(frame), *resampler.resample(None))]
        return Sound(np.concatenate(pieces, axis=1), spec.sample_rate)

    def items(self, chunk_s: float = 1.0) -> Iterator[AnyItem]:
        size = round(chunk_s * self.rate)
        for first in range(0, self.samples.shape[1], size):
            chunk = self.samples[:, first : first + size]
            yield Item("audio", first / self.rate, (first + chunk.shape[1]) / self.rate, first, chunk)


def media_path(name: str) -> Path:
    path = MEDIA / name
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


def decode(path: Path) -> Sound:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate, layout = stream.rate, stream.layout.name
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        pieces = [out.to_ndarray() for frame in container.decode(stream) for out in resampler.resample(frame)]
    return Sound(np.concatenate(pieces, axis=1), rate, layout)


def tone(hertz: float, decibels: float, seconds: float, rate: int = 48000, phase: float = 0.0) -> Array:
    """A sine whose peak lies `decibels` below full scale."""
    time = np.arange(round(seconds * rate)) / rate
    return (10 ** (decibels / 20) * np.sin(2 * np.pi * hertz * time + phase)).astype(np.float32)


def stereo(samples: Array) -> Array:
    return np.stack([samples, samples])


def run_feature(kind: type[Feature], context: NodeContext, sound: Sound, chunk_s: float) -> list[AnyItem]:
    """Runs a feature alone and holds it to its promise of `lookback_s` and to the order of its items."""
    node = kind(context)
    assert kind.audio is not None
    found: list[AnyItem] = []
    for item in sound.resampled(kind.audio).items(chunk_s):
        found.extend(node.process(item))
        ended = item.end_s
    before_flush = len(found)
    found.extend(node.flush())
    assert all(item.time_s >= ended - kind.lookback_s for item in found[before_flush:])
    assert all(first.time_s <= second.time_s for first, second in pairwise(found))
    return found


def run_analyzer(
    kind: type[Analyzer], context: NodeContext, features: dict[str, list[AnyItem]]
) -> tuple[Analyzer, list[Segment]]:
    """Feeds an analyzer as the engine does: merged by time, then in the order of `requires`."""
    node = kind(context)
    rank = {name: index for index, name in enumerate(kind.requires)}
    items = sorted(
        (item for name in kind.requires for item in features[name]), key=lambda item: (item.time_s, rank[item.source])
    )
    segments: list[Segment] = []
    for item in items:
        fresh = list(node.process(item))
        assert all(segment.start_s >= item.time_s - kind.lookback_s for segment in fresh)
        segments.extend(fresh)
    segments.extend(node.flush())
    assert all(math.isfinite(segment.start_s) and segment.end_s > segment.start_s for segment in segments)
    return node, segments
