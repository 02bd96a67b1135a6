"""Speech regions: the streaming network, hysteresis, cuts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from speech_lab import RATE, OnnxSession, audio_items, decode, media_path, run_regions

from reelscope_speech.features.region_tracker import MAX_REGION_S, MIN_SILENCE_S, PAD_S, RegionTracker
from reelscope_speech.features.voice_activity import FRAME_S, VoiceActivity


def probabilities(*parts: tuple[float, float]) -> np.ndarray:
    """Parts of (seconds, probability)."""
    return np.concatenate([np.full(round(seconds / FRAME_S), value, np.float32) for seconds, value in parts])


def test_the_network_streams_as_it_reads_whole(vad_model: OnnxSession) -> None:
    samples = decode(media_path("speech/jfk_en.flac"))
    whole, pieces = VoiceActivity(vad_model), VoiceActivity(vad_model)
    expected = np.concatenate([whole.feed(samples), whole.finish()])
    parts = [pieces.feed(samples[at : at + 777]) for at in range(0, len(samples), 777)]
    np.testing.assert_allclose(np.concatenate([*parts, pieces.finish()]), expected, atol=1e-5)


def test_the_network_agrees_with_faster_whispers(vad_model: OnnxSession) -> None:
    from faster_whisper.vad import get_vad_model

    samples = decode(media_path("speech/jfk_en.flac"))
    samples = samples[: len(samples) // 512 * 512]
    ours = VoiceActivity(vad_model).feed(samples.copy())
    theirs = get_vad_model()(samples.copy()).reshape(-1)
    np.testing.assert_allclose(ours[:-1], theirs[:-1], atol=1e-4)  # theirs blanks the last context


def test_a_region_ends_with_a_pause_and_not_with_a_gap() -> None:
    tracker = RegionTracker()
    scores = probabilities((1, 0), (1, 0.9), (0.15, 0.1), (1, 0.9), (1, 0.1), (1, 0.9), (1, 0))
    regions = [*tracker.feed(scores), *tracker.finish()]
    assert [region.start_s for region in regions] == pytest.approx([1 - PAD_S, 4.15 - PAD_S], abs=0.08)
    assert [region.end_s for region in regions] == pytest.approx([3.15 + PAD_S, 5.15 + PAD_S], abs=0.12)
    assert not any(region.continues for region in regions)


def test_hysteresis_and_clicks() -> None:
    tracker = RegionTracker()
    regions = [*tracker.feed(probabilities((1, 0), (0.1, 0.9), (1, 0), (1, 0.35), (0.5, 0.6), (1, 0.3), (1, 0.1)))]
    assert len(regions) == 1  # neither the click nor what never reached the onset opens one
    assert regions[0].start_s == pytest.approx(3.1 - PAD_S, abs=0.08)
    assert regions[0].end_s == pytest.approx(4.6 + PAD_S, abs=0.12)  # 0.3 keeps it open


def test_a_region_is_given_as_soon_as_its_pause_is_long_enough() -> None:
    tracker = RegionTracker()
    assert list(tracker.feed(probabilities((1, 0.9), (MIN_SILENCE_S - 2 * FRAME_S, 0)))) == []
    assert len(list(tracker.feed(probabilities((3 * FRAME_S, 0))))) == 1


def test_endless_speech_is_cut_at_its_weakest_moments() -> None:
    tracker = RegionTracker()
    scores = probabilities((10, 0.95), (0.064, 0.6), (30, 0.95))
    regions = [*tracker.feed(scores), *tracker.finish()]
    assert regions[0].end_s == pytest.approx(10, abs=0.07)
    assert all(region.end_s - region.start_s <= MAX_REGION_S + PAD_S for region in regions)
    assert [region.continues for region in regions] == [True] * (len(regions) - 1) + [False]
    assert all(one.end_s == other.start_s for one, other in pairwise(regions))
    assert regions[-1].end_s == pytest.approx(40, abs=0.2)


@pytest.mark.parametrize("chunk_s", [0.05, 1.0, 3.0])
def test_regions_of_a_speech(vad_model: OnnxSession, chunk_s: float) -> None:
    regions = run_regions(vad_model, audio_items(decode(media_path("speech/jfk_en.flac")), chunk_s=chunk_s))
    # "And so my fellow Americans", "ask not", "what your country ...", "ask what you can do ...", by ear.
    starts, ends = [0.3, 3.3, 5.4, 8.2], [2.2, 4.4, 7.6, 10.5]
    assert [item.time_s for item in regions] == pytest.approx(starts, abs=0.2)
    assert [item.end_s for item in regions] == pytest.approx(ends, abs=0.2)
    assert [item.index for item in regions] == [0, 1, 2, 3]


def test_a_delayed_start_moves_the_regions(vad_model: OnnxSession) -> None:
    samples = decode(media_path("speech/jfk_en.flac"))
    plain = run_regions(vad_model, audio_items(samples))
    late = run_regions(vad_model, audio_items(samples, start_s=2.5))
    assert [item.time_s + 2.5 for item in plain] == pytest.approx([item.time_s for item in late])


@pytest.mark.parametrize(
    "name", ["sound/max_rain.wav", "sound/max_jazz_guitar.wav", "sound/max_thunder.wav", "sound/max_typing.wav"]
)
def test_no_speech_in_other_sounds(vad_model: OnnxSession, name: str) -> None:
    assert run_regions(vad_model, audio_items(decode(media_path(name)))) == []


def test_no_speech_in_silence(vad_model: OnnxSession) -> None:
    assert run_regions(vad_model, audio_items(np.zeros(5 * RATE, np.float32))) == []
    assert run_regions(vad_model, audio_items(np.zeros(0, np.float32))) == []


def test_digital_silence_does_not_deafen(vad_model: OnnxSession) -> None:
    """After 40 s of zeros the state of the network halved the probability of soft words: "ask not" was lost."""
    samples = decode(media_path("speech/jfk_en.flac"))
    plain = run_regions(vad_model, audio_items(samples))
    late = run_regions(vad_model, audio_items(np.concatenate([np.zeros(40 * RATE, np.float32), samples])))
    assert [item.time_s for item in late] == pytest.approx([item.time_s + 40 for item in plain], abs=0.1)
