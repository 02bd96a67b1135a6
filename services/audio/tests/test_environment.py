"""Sound events of real recordings against what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from audio_lab import Heard, Sound, decode, media_path

from reelscope_audio.tagging import taxonomy
from reelscope_audio.tagging.events import MAX_EVENT_S, EventTracker
from reelscope_audio.tagging.taxonomy import Family, families
from reelscope_audio.tagging.yamnet import read_labels

Hear = Callable[..., Heard]

KNOWN = {
    "sound/max_crowd_cheering.wav": {"Crowd", "Cheering"},
    "sound/max_jazz_guitar.wav": {"Music"},
    "sound/max_rain.wav": {"Rain"},
    "sound/max_thunder.wav": {"Thunder"},
    "sound/max_typing.wav": {"Typing"},
    "sound/esc10_dog_1-100032-A-0.wav": {"Dog"},
    "sound/audiomentations_hens.ogg": {"Chicken, rooster"},
    "speech/jfk_en.flac": {"Speech"},
    "speech/wenet_aishell_zh.wav": {"Speech"},
}

AMBIENCES = {
    "sound/max_jazz_guitar.wav": "music",
    "sound/max_rain.wav": "nature",
    "sound/max_typing.wav": "domestic",
    "sound/esc10_dog_1-100032-A-0.wav": "animals",
    "speech/jfk_en.flac": "speech",
}


def overlap(start_s: float, end_s: float, true_start_s: float, true_end_s: float) -> float:
    shared = max(0.0, min(end_s, true_end_s) - max(start_s, true_start_s))
    return shared / (max(end_s, true_end_s) - min(start_s, true_start_s))


@pytest.mark.parametrize("name", KNOWN)
def test_the_right_class_is_among_the_first_three(hear: Hear, name: str) -> None:
    heard = hear(decode(media_path(name)))
    first = [score.label for score in heard.environment.top_classes[:3]]
    assert KNOWN[name] & set(first), first
    if name in AMBIENCES:
        assert heard.environment.ambience == AMBIENCES[name]


def test_times_of_a_soundscape(hear: Hear) -> None:
    heard = hear(decode(media_path("sound/scaper_soundscape_siren_horn_voice.wav")))
    truth = {"Siren": (2.0, 7.0), "Vehicle horn, car horn, honking": (5.0, 5.688), "Speech": (7.0, 7.967)}
    for label, (start_s, end_s) in truth.items():
        event = heard.event(label)
        assert overlap(event.start_s, event.end_s, start_s, end_s) >= 0.5, label
    assert heard.environment.ambience == "urban"
    assert heard.environment.setting == "outdoor"


def test_speech_from_its_start_to_its_end(hear: Hear) -> None:
    heard = hear(decode(media_path("speech/jfk_en.flac")))
    assert [event.audio_event.label for event in heard.events] == ["Speech"]
    assert heard.events[0].audio_event.mid == "/m/09x0r"
    assert heard.events[0].end_s - heard.events[0].start_s > 10


def test_an_event_in_silence_is_found_where_it_is(hear: Hear) -> None:
    """Four seconds of typing from 5 s on, in 12 s of silence."""
    typing = decode(media_path("sound/max_typing.wav"))
    samples = np.zeros((1, 12 * typing.rate), np.float32)
    samples[:, 5 * typing.rate : 9 * typing.rate] = typing.samples[:1, : 4 * typing.rate]
    event = hear(Sound(samples, typing.rate)).event("Typing")
    assert overlap(event.start_s, event.end_s, 5, 9) >= 0.7


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_holds_no_event(hear: Hear, level: float) -> None:
    samples = np.random.default_rng(2).normal(0, 1, (1, 6 * 48000)).astype(np.float32) * np.float32(level)
    heard = hear(Sound(samples))
    assert heard.events == []
    assert heard.environment.ambience == "silence"


def test_every_name_in_the_taxonomy_is_a_class(yamnet: Any) -> None:
    names = {label.name for label in read_labels(yamnet)}
    tables = (taxonomy.FAMILIES, taxonomy.CONTAINERS, taxonomy.AMBIENCES)
    stretches = [stretch for table in tables for _, found in table for stretch in found]
    stretches += [*taxonomy.NO_EVENTS, *taxonomy.NOISE, *taxonomy.GENRES, *taxonomy.MOODS, *taxonomy.INDOOR, *taxonomy.OUTDOOR]
    assert {name for stretch in stretches for name in stretch} <= names
    assert {label for label, _ in (*taxonomy.FAMILIES, *taxonomy.CONTAINERS)} <= names


def test_each_class_is_in_one_family_at_most(yamnet: Any) -> None:
    found = [index for family in families([label.name for label in read_labels(yamnet)]) for index in family.members]
    assert len(found) == len(set(found))


def test_long_events_come_in_pieces() -> None:
    tracker = EventTracker((Family(0, (0,)),))
    steps = [event for step in range(2000) for event in tracker.feed(step * 0.5, step * 0.5 + 0.5, np.ones(1, np.float32))]
    events = [*steps, *tracker.finish()]
    assert len(steps) >= 3
    assert all(event.end_s - event.start_s <= MAX_EVENT_S + 0.5 for event in events)
    assert sum(event.end_s - event.start_s for event in events) == pytest.approx(1000)


def test_a_container_says_nothing_beside_its_contents() -> None:
    dog, animal = Family(1, (1, 2)), Family(0, (0,), frozenset({1, 2}))
    tracker = EventTracker((animal, dog))
    pairs = [(0.9, 0.9)] * 8 + [(0.0, 0.0)] * 8 + [(0.9, 0.0)] * 8 + [(0.0, 0.0)] * 8
    events = [
        event
        for step, pair in enumerate(pairs)
        for event in tracker.feed(step * 0.24, step * 0.24 + 0.24, np.array(pair, np.float32))
    ]
    assert [(event.family.label, round(event.start_s, 2)) for event in events] == [(1, 0.0), (0, 3.84)]
