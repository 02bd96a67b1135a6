"""AST audio tagging through transformers, on a tiny checkpoint with AudioSet's labels."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

from reelscope_lite_models import weights_path
from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models.torch_models import LoadedTransformer
from reelscope_runtime.settings import ModelSettings

sys.path.insert(0, str(Path(__file__).parent))  # for `checkpoint_lab`

from checkpoint_lab import RATE, analyze, install, pool_of, wav

from reelscope_audio.main import SERVICE
from reelscope_audio.tagging.ast import BATCH, HOP_S, Ast

NAME = "ast_audioset"


@pytest.fixture
def names() -> list[str]:
    with weights_path("yamnet_class_map.csv").open(encoding="utf-8", newline="") as file:
        return [row["display_name"] for row in csv.DictReader(file)]


@pytest.fixture
def folder(settings: ModelSettings, names: list[str]) -> Path:
    """A checkpoint whose weights are random but for a bias: "Siren" is always there."""
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_length=1024,
        num_mel_bins=128,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    model = ASTForAudioClassification(config)
    with torch.no_grad():
        model.classifier.dense.weight.mul_(0.01)
        model.classifier.dense.bias.fill_(-6.0)
        model.classifier.dense.bias[names.index("Siren")] = 3.0
    folder = settings.folder / NAME
    model.save_pretrained(folder, safe_serialization=True)
    ASTFeatureExtractor().save_pretrained(folder)
    return folder


def noise(seconds: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_the_analyzers_work_on_its_scores(settings: ModelSettings, folder: Path, tmp_path: Path) -> None:
    del folder
    install(settings, SERVICE.package, NAME)
    results = analyze(SERVICE, settings, wav(tmp_path / "noise.wav", noise(7.3)))
    assert {result.status for result in results.values()} == {"succeeded"}, results
    (event,) = results["audio_environment"].segments
    assert event.audio_event.label == "Siren"
    assert (event.start_s, event.end_s) == (0.0, pytest.approx(7.3, abs=0.05))
    assert event.confidence > 0.9
    (model,) = results["audio_environment"].model
    assert (model.name, model.device) == (NAME, "cpu")
    assert model.sha256


@pytest.mark.parametrize("seconds", [0.1, 1.0, 2.0, 3.4, 12.0])
def test_steps_cover_the_sound_without_gaps(settings: ModelSettings, folder: Path, seconds: float) -> None:
    del folder
    install(settings, SERVICE.package, NAME)
    samples = noise(seconds)
    with pool_of(SERVICE, settings) as pool, pool.lease("audio_tagging") as lease:
        steps = {}
        for batch in (1, BATCH):
            tagger = Ast(lease.model)
            tagger._batch = batch
            found = [step for first in range(0, len(samples), RATE) for step in tagger.feed(samples[first : first + RATE])]
            steps[batch] = [*found, *tagger.finish()]
        ends = [end_s for end_s, _ in steps[1]]
        assert ends == sorted(set(ends))
        assert ends[-1] == pytest.approx(seconds)
        assert max(np.diff([0.0, *ends])) <= 1.5 * HOP_S + 1e-6
        for (end_s, alone), (batched_end_s, batched) in zip(steps[1], steps[BATCH], strict=True):
            assert end_s == pytest.approx(batched_end_s)
            assert np.allclose(alone, batched, atol=1e-4)


def test_closing_lets_the_model_go(settings: ModelSettings, folder: Path) -> None:
    del folder
    install(settings, SERVICE.package, NAME)
    with pool_of(SERVICE, settings) as pool:
        with pool.lease("audio_tagging") as lease:
            model: LoadedTransformer = lease.model
        assert model.model is not None
    assert model.model is None


def test_what_is_missing_or_broken_is_said(settings: ModelSettings, folder: Path, tmp_path: Path) -> None:
    results = analyze(SERVICE, settings, wav(tmp_path / "noise.wav", noise(1.0)), "audio_environment")
    problem = results["audio_environment"].problem
    assert results["audio_environment"].status == "unavailable"
    assert "--pin" in problem.reason
    (folder / "config.json").write_text("{}", encoding="utf-8")
    install(settings, SERVICE.package, NAME)
    with (
        pool_of(SERVICE, settings) as pool,
        pytest.raises(ModelUnavailableError, match="transformers cannot load"),
        pool.lease("audio_tagging"),
    ):
        pass
