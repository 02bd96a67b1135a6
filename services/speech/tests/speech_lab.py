"""Feeds nodes with decoded files or made samples, without the runtime's engine: the nodes alone are under test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope.speech.v1.details_pb2 import TranscriptSummary
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.features.speech_regions import SpeechRegions

REPO = Path(__file__).resolve().parents[3]
MEDIA = REPO.parent / "shared" / "media"
RATE = 16000
WHISPER_SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"


class OnnxSession:
    """The two methods of the pool's wrapper that nodes use."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, outputs: list[str] | None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        result: list[NDArray[Any]] = self._session.run(outputs, feeds)
        return result


@dataclass
class Heard:
    """What the two nodes gave for one clip."""

    segments: list[Segment]
    summary: TranscriptSummary
    regions: list[AnyItem]
    compute_s: float = 0.0
    emitted_at: list[float] = field(default_factory=list)

    @property
    def words(self) -> list[tuple[str, float, float]]:
        return [(word.text, word.start_s, word.end_s) for segment in self.segments for word in segment.utterance.words]


def media_path(name: str) -> Path:
    path = MEDIA / name
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


def decode(path: Path) -> NDArray[np.float32]:
    """Mono samples at 16 kHz."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
    chunks: list[NDArray[np.float32]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            chunks.extend(out.to_ndarray()[0] for out in resampler.resample(frame))
        chunks.extend(out.to_ndarray()[0] for out in resampler.resample(None))
    return np.concatenate(chunks)


def audio_items(samples: NDArray[np.float32], *, chunk_s: float = 1.0, start_s: float = 0.0) -> Iterator[AnyItem]:
    size = round(chunk_s * RATE)
    for first in range(0, len(samples), size):
        chunk = samples[first : first + size]
        yield Item("audio", start_s + first / RATE, start_s + (first + len(chunk)) / RATE, first, chunk[None])


def run_regions(model: Any, items: Iterable[AnyItem]) -> list[AnyItem]:
    """Runs the feature alone and holds it to its promise of `lookback_s`."""
    node = SpeechRegions(NodeContext(media=MediaInfo(), options=AnalyzeOptions(), model=lambda _: model))
    found: list[AnyItem] = []
    for item in items:
        fresh = list(node.process(item))
        assert all(given.time_s >= item.time_s - node.lookback_s for given in fresh)
        found.extend(fresh)
    found.extend(node.flush())
    return found
