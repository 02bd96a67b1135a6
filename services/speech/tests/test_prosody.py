"""Syllables, utterances and arousal of made voices; rates of made transcripts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray
from speech_lab import audio_items, decode, media_path
from voices import A, I, glide, noise, steady, voice

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment, Summary
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope.speech.v1.details_pb2 import UtteranceDetail, Word
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_speech.analyzers.speech_emotion import SpeechEmotion
from reelscope_speech.analyzers.speech_rate import SpeechRate
from reelscope_speech.features.region_tracker import Region
from reelscope_speech.features.voice_track import VoiceTracks
from reelscope_speech.prosody.syllables import syllable_nuclei

CONTEXT = NodeContext(media=MediaInfo(), options=AnalyzeOptions(), model=lambda _: None)


def track_items(samples: NDArray[np.float32]) -> list[AnyItem]:
    node = VoiceTracks(CONTEXT)
    return [*(found for item in audio_items(samples) for found in node.process(item)), *node.flush()]


def region(start_s: float, end_s: float) -> AnyItem:
    return Item("speech_regions", start_s, end_s, 0, Region(start_s, end_s, 0.9, 0.95))


def run(kind: type[Analyzer], items: Iterable[AnyItem]) -> tuple[list[Segment], Summary]:
    node = kind(CONTEXT)
    segments = [segment for item in sorted(items, key=lambda item: item.time_s) for segment in node.process(item)]
    segments.extend(node.flush())
    return segments, node.summary()


def syllables(count: int, *, per_s: float = 4.0, hz: float = 120.0) -> NDArray[np.float32]:
    """Vowels with a dip of 12 dB between them."""
    seconds = 1 / per_s
    samples = voice(glide(hz * 1.1, hz * 0.9, count * seconds))
    phase = np.arange(len(samples)) / 16000 * per_s
    return (samples * 10 ** (-12 * np.cos(np.pi * phase) ** 4 / 20)).astype(np.float32)


@pytest.mark.parametrize("per_s", [2.5, 4.0, 6.0])
@pytest.mark.parametrize("gain_db", [0, -30])
def test_syllables_are_counted(per_s: float, gain_db: float) -> None:
    samples = syllables(12, per_s=per_s) * 10 ** (gain_db / 20)
    values = [one.value for one in track_items(samples.astype(np.float32))]
    level, pitch = (np.concatenate([getattr(value, name) for value in values]) for name in ("speech_level_db", "pitch_hz"))
    assert len(syllable_nuclei(level, pitch)) == pytest.approx(12, abs=1)


def test_noise_has_no_syllables() -> None:
    values = [one.value for one in track_items(noise(2.0, -25))]
    level, pitch = (np.concatenate([getattr(value, name) for value in values]) for name in ("speech_level_db", "pitch_hz"))
    assert len(syllable_nuclei(level, pitch)) <= 2


def arousal(samples: NDArray[np.float32]) -> float:
    seconds = len(samples) / 16000
    segments, summary = run(SpeechEmotion, [*track_items(samples), region(0.0, seconds)])
    (segment,) = segments
    detail = segment.speech_emotion
    assert not detail.emotion
    assert not detail.scores
    assert not detail.HasField("valence")
    assert segment.confidence <= 0.5
    assert "arousal" in detail.note
    assert summary.speech_emotion.mean_arousal == pytest.approx(detail.arousal)
    return float(detail.arousal)


@pytest.mark.parametrize("gain_db", [-24, -12, 6])
def test_arousal_does_not_hear_the_recording_level(gain_db: float) -> None:
    samples = syllables(12)
    assert arousal((samples * 10 ** (gain_db / 20)).astype(np.float32)) == pytest.approx(arousal(samples), abs=0.02)


def test_effort_pitch_range_and_rate_raise_arousal() -> None:
    calm = arousal(syllables(8, per_s=3.0, hz=110))
    assert arousal(syllables(8, per_s=6.5, hz=110)) > calm + 0.05
    assert arousal(syllables(8, per_s=3.0, hz=220)) > calm + 0.05
    dull = arousal(voice(steady(140, 2.0), formants=A, tilt=0.97))
    assert arousal(voice(steady(140, 2.0), formants=A, tilt=0.6)) > dull + 0.03
    lively = voice(140 * 2 ** (0.5 * np.sin(2 * np.pi * 1.5 * np.arange(32000) / 16000)), formants=I)
    assert arousal(lively) > arousal(voice(steady(140, 2.0), formants=I)) + 0.05


def test_angry_and_happy_are_more_aroused_than_neutral_and_sad() -> None:
    found = {
        name.split("_")[1]: arousal(decode(media_path(f"emotion_speech/{name}.wav")))
        for name in ("emodb_angry_03a01Wa", "emodb_happy_03a01Fa", "emodb_neutral_13a07Na", "emodb_sad_03a02Ta")
    }
    assert min(found["angry"], found["happy"]) > max(found["neutral"], found["sad"]) + 0.1, found


def test_no_speech_has_no_emotion() -> None:
    segments, summary = run(SpeechEmotion, track_items(noise(3.0, -30)))
    assert not segments
    assert not summary.speech_emotion.HasField("mean_arousal")


def utterance(start_s: float, end_s: float, words: list[tuple[str, float, float]]) -> AnyItem:
    detail = UtteranceDetail(words=[Word(text=text, start_s=low, end_s=high) for text, low, high in words])
    segment = Segment(start_s=start_s, end_s=end_s, confidence=0.9, utterance=detail)
    return Item("speech_transcription", start_s, end_s, 0, segment)


def test_rates_of_a_made_transcript() -> None:
    """Eight syllables of 0.25 s, a pause of 0.5 s, eight more, four words in each half; then a break, and one more word."""
    half = syllables(8)
    samples = np.concatenate([half, np.zeros(8000, np.float32), half, np.zeros(48000, np.float32), half])
    words = [(f"w{at}", 0.5 * at, 0.5 * at + 0.48) for at in range(4)]
    words += [(f"w{at}", 2.5 + 0.5 * at, 2.5 + 0.5 * at + 0.48) for at in range(4)]
    items = [utterance(0.0, 4.5, words), utterance(7.5, 9.5, [("last", 7.5, 9.5)])]
    segments, summary = run(SpeechRate, [*track_items(samples), *items])
    first, last = (segment.rate for segment in segments)
    assert first.words_per_minute == pytest.approx(60 * 8 / 4.5)
    assert first.syllables_per_s == pytest.approx(16 / 4.5, rel=0.1)
    assert first.articulation_rate == pytest.approx(16 / 4.0, rel=0.1)
    assert last.words_per_minute == pytest.approx(30)
    assert summary.rate.words_per_minute == pytest.approx(60 * 9 / 6.5), "a break of 3 s is no speaking"
    curve = {point.time_s: point.value for point in summary.rate.curve}
    assert curve[1.0] > curve[8.0]


def test_without_words_there_is_no_rate() -> None:
    segments, summary = run(SpeechRate, track_items(noise(3.0, -30)))
    assert not segments
    assert summary.rate.words_per_minute == 0
