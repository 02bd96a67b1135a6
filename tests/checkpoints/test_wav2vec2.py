"""wav2vec 2.0 speech emotion through transformers, on a tiny checkpoint with SUPERB's labels."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

from reelscope_runtime.settings import ModelSettings

sys.path.insert(0, str(Path(__file__).parent))  # for `checkpoint_lab`

from checkpoint_lab import RATE, analyze, install, pool_of

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.voice_emotions import VoiceEmotions
from reelscope_speech.main import SERVICE
from support import sound

NAME = "wav2vec2_base_emotion"
LABELS = ("neu", "hap", "ang", "sad")


@pytest.fixture
def folder(settings: ModelSettings) -> Path:
    """A checkpoint whose weights are random but for a bias: everybody is angry."""
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8),
        conv_stride=(10, 8),
        conv_kernel=(16, 8),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        feat_extract_norm="layer",
        id2label=dict(enumerate(LABELS)),
        label2id={name: index for index, name in enumerate(LABELS)},
    )
    model = Wav2Vec2ForSequenceClassification(config)
    with torch.no_grad():
        model.classifier.bias[LABELS.index("ang")] = 4.0
    folder = settings.folder / NAME
    model.save_pretrained(folder, safe_serialization=True)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    return folder


def test_the_analyzer_names_emotions(settings: ModelSettings, folder: Path, shared_media: Path) -> None:
    del folder
    install(settings, SERVICE.package, NAME)
    result = analyze(SERVICE, settings, shared_media / "speech" / "jfk_en.flac", "speech_emotion")["speech_emotion"]
    assert result.status == "succeeded", result.problem
    assert len(result.segments) >= 3
    for segment in result.segments:
        detail = segment.speech_emotion
        assert detail.emotion == "angry"
        assert {score.label for score in detail.scores} == {"neutral", "happy", "angry", "sad"}
        assert sum(score.score for score in detail.scores) == pytest.approx(1.0, abs=1e-3)
        assert segment.confidence == pytest.approx(detail.scores[0].score)
        assert 0 < detail.arousal < 1
        assert "network" in detail.note
    assert result.summary.speech_emotion.dominant == "angry"
    assert NAME in {model.name for model in result.model}


def test_without_the_model_arousal_is_still_told(settings: ModelSettings, shared_media: Path) -> None:
    result = analyze(SERVICE, settings, shared_media / "speech" / "jfk_en.flac", "speech_emotion")["speech_emotion"]
    assert result.status == "succeeded", result.problem
    assert {segment.speech_emotion.emotion for segment in result.segments} == {""}


def test_a_batch_gives_what_each_gives_alone(settings: ModelSettings, folder: Path, shared_media: Path) -> None:
    del folder
    install(settings, SERVICE.package, NAME)
    samples = sound.read(shared_media / "speech" / "jfk_en.flac", RATE)[0]
    regions = [Region(0.2, 2.4, 0.9, 1.0), Region(3.2, 4.4, 0.9, 1.0), Region(5.3, 7.6, 0.9, 1.0), Region(8.1, 10.6, 0.9, 1.0)]
    found = {}
    with pool_of(SERVICE, settings) as pool, pool.lease("speech_emotion") as lease:
        for batch in (1, 3):
            node = VoiceEmotions(NodeContext(media=MediaInfo(), options=AnalyzeOptions(), model=lambda _: lease.model))
            node._batch = batch
            items = [
                Item("audio", at / RATE, min(len(samples), at + RATE) / RATE, at, samples[None, at : at + RATE])
                for at in range(0, len(samples), RATE)
            ]
            items += [Item("speech_regions", region.start_s, region.end_s, 0, region) for region in regions]
            given = [out for item in sorted(items, key=lambda item: item.time_s) for out in node.process(item)]
            found[batch] = [*given, *node.flush()]
    assert [item.time_s for item in found[3]] == [region.start_s for region in regions]
    for alone, together in zip(found[1], found[3], strict=True):
        assert alone.time_s == together.time_s
        names = sorted(alone.value.scores)
        assert np.allclose([alone.value.scores[n] for n in names], [together.value.scores[n] for n in names], atol=1e-3)
