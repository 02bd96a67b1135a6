"""The loaded network, and everything of the audio service run over a sound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `audio_lab`, which the tests of this folder share

from audio_lab import Heard, OnnxSession, Sound, run_analyzer, run_feature

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import AudioStream, MediaInfo
from reelscope_audio.analyzers import ANALYZERS
from reelscope_audio.features import FEATURES
from reelscope_lite_models import weights_path
from reelscope_runtime.engine.node import NodeContext


@pytest.fixture(scope="session")
def yamnet() -> OnnxSession:
    labels = "yamnet_class_map.csv"
    return OnnxSession(weights_path("yamnet_f16w.onnx"), {labels: weights_path(labels)})


@pytest.fixture(scope="session")
def hear(yamnet: OnnxSession) -> Callable[..., Heard]:
    """Runs every feature and analyzer over a sound."""

    def run(sound: Sound, *, chunk_s: float = 1.0) -> Heard:
        channels = sound.samples.shape[0]
        stream = AudioStream(
            sample_rate=sound.rate, channels=channels, channel_layout=sound.layout, duration_s=sound.duration_s
        )
        context = NodeContext(
            media=MediaInfo(audio=stream, duration_s=sound.duration_s), options=AnalyzeOptions(), model=lambda _: yamnet
        )
        features = {kind.name: run_feature(kind, context, sound, chunk_s) for kind in FEATURES}
        results = {kind.name: run_analyzer(kind, context, features) for kind in ANALYZERS}
        analysis, environment = results["audio_analysis"], results["audio_environment"]
        music = results["music_analysis"]
        return Heard(
            analysis[0].summary().audio,
            analysis[1],
            environment[0].summary().audio_event,
            environment[1],
            music[0].summary().music,
            music[1],
        )

    return run
