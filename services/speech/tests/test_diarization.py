"""Speakers and turns, in made numbers and in made conversations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from speech_lab import OnnxSession, audio_items, decode, media_path, run_regions

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.analyzers.speaker_diarization import SpeakerDiarization
from reelscope_speech.diarization.clustering import MOST_LOOKS, cluster
from reelscope_speech.diarization.slices import SIZE, SLICE_S, RegionVoice, slice_voice
from reelscope_speech.diarization.turns import Turn, find_turns
from reelscope_speech.features.speaker_embeddings import SpeakerEmbeddings
from reelscope_speech.features.voice_track import VoiceTracks
from reelscope_speech.prosody.track import VoiceTrack
from support.conversations import converse, diarization_error, through_one_channel

RATE = 16000
PHONE_DB = 6.0
"""Standard deviation of a band from phone to phone in the made voices."""


def made_region(start_s: float, seconds: float, mean: NDArray[np.float64], random: np.random.Generator) -> RegionVoice:
    """A region of one voice: bands that vary from phone to phone, of which each lasts 0.2 s; two thirds voiced."""
    count = round(seconds / SLICE_S)
    phones = np.repeat(random.standard_normal((count // 2 + 1, SIZE)), 2, axis=0)[:count] * PHONE_DB
    phones[:, -1] *= 0.3
    weights = np.where(np.arange(count) % 3 == 2, 0.0, 1.0).astype(np.float32)
    return RegionVoice(start_s, start_s + seconds, (mean + phones).astype(np.float32), weights)


def made_voices(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Means that lie apart by 7 variances of a phone, as those of most real speakers do; pitch about 150 Hz."""
    directions, _ = np.linalg.qr(random.standard_normal((SIZE - 1, SIZE - 1)))
    means = np.full((count, SIZE), 87.0)
    means[:, :-1] = np.sqrt(7 / 2) * PHONE_DB * directions[:count]
    return means


@pytest.mark.parametrize("speakers", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_made_voices_are_counted_and_laid_along_time(speakers: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    means = made_voices(speakers, random)
    regions, truth, at = [], [], 0.0
    for turn in range(12):
        length = round(random.uniform(2.0, 5.0), 1)
        regions.append(made_region(at, length, means[turn % speakers], random))
        truth.append((at, at + length, f"voice {turn % speakers}"))
        at += length + 0.5
    turns = find_turns(regions)
    assert len({turn.speaker for turn in turns}) == speakers
    assert diarization_error(truth, _stretches(turns)) <= 0.05
    assert all(0.0 <= turn.confidence <= 1.0 for turn in turns)
    assert all(before.end_s <= after.start_s for before, after in pairwise(turns))


def test_a_change_within_a_region_is_found() -> None:
    random = np.random.default_rng(3)
    means = made_voices(2, random)
    halves = [made_region(0.0, 5.0, means[0], random), made_region(5.0, 5.0, means[1], random)]
    joined = RegionVoice(
        0.0, 10.0, np.concatenate([half.values for half in halves]), np.concatenate([half.weights for half in halves])
    )
    turns = find_turns([joined])
    assert [turn.speaker for turn in turns] == [0, 1]
    assert turns[0].end_s == pytest.approx(5.0, abs=0.4), "two phones may pass before the other voice is sure"


def test_speakers_are_numbered_as_they_are_heard() -> None:
    random = np.random.default_rng(4)
    means = made_voices(3, random)
    regions = [made_region(4.0 * turn, 3.0, means[voice], random) for turn, voice in enumerate((2, 0, 2, 1, 0, 1))]
    assert [turn.speaker for turn in find_turns(regions)] == [0, 1, 0, 2, 1, 2]


def test_short_pauses_lie_within_a_turn_and_long_ones_between() -> None:
    random = np.random.default_rng(5)
    mean = made_voices(1, random)[0]
    regions = [made_region(start_s, 2.0, mean, random) for start_s in (0.0, 2.4, 5.5)]
    turns = find_turns(regions)
    assert [(turn.start_s, turn.end_s) for turn in turns] == [(0.0, 4.4), (5.5, 7.5)]
    assert turns[0].speech_s == pytest.approx(4.0)


def test_gain_and_number_of_windows_do_not_make_speakers() -> None:
    random = np.random.default_rng(6)
    mean = made_voices(1, random)[0]
    regions = [made_region(4.0 * turn, 3.0, mean, random) for turn in range(400)]
    assert {turn.speaker for turn in find_turns(regions)} == {0}


def test_regions_without_voice_are_somebodys() -> None:
    whisper = RegionVoice(0.0, 1.0, np.zeros((10, SIZE), np.float32), np.zeros(10, np.float32))
    (turn,) = find_turns([whisper])
    assert (turn.start_s, turn.end_s, turn.speaker) == (0.0, 1.0, 0)
    assert find_turns([]) == []


def test_clustering_stops_at_the_threshold() -> None:
    means = np.zeros((4, SIZE))
    means[2:, 0] = 3.0
    beyond_chance = 3.0**2 - 2 * SIZE / MOST_LOOKS
    found = cluster(means, np.full(4, 1000.0), threshold=beyond_chance - 0.1)
    assert sorted(found.means[:, 0].tolist()) == [0.0, 3.0]
    assert found.weights == pytest.approx([2000.0, 2000.0])
    assert len(cluster(means, np.full(4, 1000.0), threshold=beyond_chance + 0.1).means) == 1


def test_a_slice_takes_no_part_of_the_gain() -> None:
    frames = 20
    envelope = np.tile(np.linspace(-20, -60, 16, dtype=np.float32), (frames, 1))
    pitch = np.where(np.arange(frames) < 15, 110.0, 0.0).astype(np.float32)
    level = np.zeros(frames, np.float32)
    soft, loud = (slice_voice(0.0, 0.2, VoiceTrack(pitch, level, level, level, envelope + gain)) for gain in (-12.0, 0.0))
    np.testing.assert_allclose(soft.values, loud.values, atol=1e-4)
    np.testing.assert_allclose(loud.weights, [1.0, 0.5])
    assert loud.values[0, -1] == pytest.approx(12 * np.log2(110.0), abs=1e-3)


def test_error_rate_counts_misses_false_alarms_and_confusion() -> None:
    truth = [(0.0, 4.0, "a"), (4.0, 8.0, "b")]
    assert diarization_error(truth, [(0.0, 4.0, "2"), (4.0, 8.0, "1")]) == 0.0
    assert diarization_error(truth, [(0.0, 8.0, "1")]) == pytest.approx(0.5, abs=0.01)
    assert diarization_error(truth, [(0.0, 4.0, "1"), (4.0, 6.0, "2")], collar_s=0.0) == pytest.approx(0.25, abs=0.01)
    assert diarization_error(truth, [(0.0, 4.0, "1"), (4.0, 10.0, "2")], collar_s=0.0) == pytest.approx(0.25, abs=0.01)
    assert diarization_error(truth, [(0.0, 4.1, "1"), (4.1, 8.2, "2")]) == 0.0, "within the collar"


def test_no_speech_is_nobody() -> None:
    node = SpeakerDiarization(_context(None))
    assert list(node.flush()) == []
    assert node.summary().speaker.speaker_count == 0


def _context(model: object) -> NodeContext:
    return NodeContext(media=MediaInfo(), options=AnalyzeOptions(), model=lambda _: model)


def _stretches(turns: Sequence[Turn]) -> list[tuple[float, float, str]]:
    return [(turn.start_s, turn.end_s, f"speaker_{turn.speaker}") for turn in turns]


def diarize(samples: NDArray[np.float32], vad_model: OnnxSession) -> tuple[list[tuple[float, float, str]], int]:
    """Turns and the count of speakers, through the nodes as the engine would feed them."""
    audio = list(audio_items(samples))
    track = VoiceTracks(_context(None))
    tracks = [item for chunk in audio for item in track.process(chunk)] + list(track.flush())
    merged = sorted([*run_regions(vad_model, audio), *tracks], key=lambda item: item.time_s)
    embeddings, analyzer = SpeakerEmbeddings(_context(None)), SpeakerDiarization(_context(None))
    for item in merged:
        for given in embeddings.process(item):
            assert given.time_s >= item.time_s - embeddings.lookback_s
            _feed(analyzer, given)
    for given in embeddings.flush():
        _feed(analyzer, given)
    segments = list(analyzer.flush())
    summary = analyzer.summary().speaker
    assert sum(speaker.share for speaker in summary.speakers) == pytest.approx(1.0)
    found = [(segment.start_s, segment.end_s, segment.speaker.speaker_id) for segment in segments]
    return found, summary.speaker_count


def _feed(analyzer: SpeakerDiarization, item: AnyItem) -> None:
    assert isinstance(item, Item)
    assert list(analyzer.process(item)) == []


RECORDINGS = {
    "kennedy": ("speech/jfk_en.flac",),
    "spaniard": ("speech/leopard_test_es.wav",),
    "german": ("speech/leopard_test_de.wav",),
    "french": ("speech/leopard_test_fr.wav",),
    "japanese": ("speech/leopard_test_ja.wav",),
    "russian": ("speech/stt_ru.wav",),
    "chinese": ("speech/wenet_aishell_zh.wav",),
    "grid_man": ("talking/grid_bbaf2n.mpg",),
    "grid_woman": ("talking/grid_lwbsza.mpg",),
    "outdoors": ("talking/latentsync_demo1_vertical.mp4",),
    "at_home": ("talking/latentsync_demo3_vertical.mp4",),
    "actor": (
        "emotion_speech/emodb_angry_03a01Wa.wav",
        "emotion_speech/emodb_happy_03a01Fa.wav",
        "emotion_speech/emodb_sad_03a02Ta.wav",
    ),
}


def recording(name: str) -> NDArray[np.float32]:
    return np.concatenate([decode(media_path(path)) for path in RECORDINGS[name]])


def speech_only(name: str, vad_model: OnnxSession) -> NDArray[np.float32]:
    samples = recording(name)
    regions = run_regions(vad_model, audio_items(samples))
    return np.concatenate([samples[round(region.time_s * RATE) : round(region.end_s * RATE)] for region in regions])


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("through", ["as it is", "a room"])
def test_one_speaker_is_one(name: str, through: str, vad_model: OnnxSession) -> None:
    """Also where the speaker is angry, happy and sad in turn."""
    samples = recording(name)
    _, count = diarize(samples if through == "as it is" else through_one_channel(samples, seed=3), vad_model)
    assert count == 1


def test_a_speakers_changing_level_makes_no_other(vad_model: OnnxSession) -> None:
    samples = recording("at_home")
    gain_db = 9 * np.sin(2 * np.pi * np.arange(len(samples)) / (7 * RATE))
    _, count = diarize((samples * 10 ** (gain_db / 20) / 4).astype(np.float32), vad_model)
    assert count == 1


CONVERSATIONS = (
    ("kennedy", "grid_woman"),
    ("german", "outdoors"),
    ("grid_man", "grid_woman"),
    ("spaniard", "french"),
    ("japanese", "kennedy"),
    ("kennedy", "french", "chinese"),
    ("outdoors", "japanese", "german"),
    ("spaniard", "kennedy", "outdoors"),
)


@pytest.mark.parametrize("names", CONVERSATIONS, ids="-".join)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("through", ["their own channels", "one channel"])
def test_made_conversations(names: tuple[str, ...], seed: int, through: str, vad_model: OnnxSession) -> None:
    speakers = {name: speech_only(name, vad_model) for name in names}
    sound, truth = converse(speakers, turns=4 * len(names), seed=seed)
    if through == "one channel":
        sound = through_one_channel(sound, seed=seed)
    found, count = diarize(sound, vad_model)
    assert count == len(names)
    assert diarization_error(truth, found) <= 0.2
