"""Speakers of a file, through the engine: decoder, features, analyzer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support import sound
from support.conversations import RATE, converse, diarization_error
from support.engine import Bench

NAME = "speaker_diarization"
PEOPLE = {
    "kennedy": "speech/jfk_en.flac",
    "spaniard": "speech/leopard_test_es.wav",
    "frenchwoman": "speech/leopard_test_fr.wav",
}


def test_a_conversation_of_three(speech: Bench, shared_media: Path, tmp_path: Path) -> None:
    people = {name: sound.read(shared_media / path, RATE)[0] for name, path in PEOPLE.items()}
    samples, truth = converse(people, turns=9, seed=4)
    result = speech.analyze(sound.write(tmp_path / "three.wav", samples[None], RATE), NAME)[NAME]
    assert result.status == "succeeded"
    assert result.summary.speaker.speaker_count == 3
    found = [(segment.start_s, segment.end_s, segment.speaker.speaker_id) for segment in result.segments]
    assert diarization_error(truth, found) <= 0.2
    assert found[0][2] == "speaker_1"
    assert sum(speaker.share for speaker in result.summary.speaker.speakers) == pytest.approx(1.0)
    assert result.coverage == pytest.approx(1.0)


def test_a_clip_without_speech_has_no_speaker(speech: Bench, tmp_path: Path) -> None:
    hiss = 0.01 * np.random.default_rng(0).standard_normal((1, 5 * RATE)).astype(np.float32)
    result = speech.analyze(sound.write(tmp_path / "hiss.wav", hiss, RATE), NAME)[NAME]
    assert result.status == "succeeded"
    assert list(result.segments) == []
    assert result.summary.speaker.speaker_count == 0
