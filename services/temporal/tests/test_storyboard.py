"""The storyboard on made pictures, whose motion, shots and light are known, and on a real clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, Segment, Summary
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_temporal.analyzers.qwen2_vl_temporal import Qwen2VlTemporal
from reelscope_temporal.features.samples import SAMPLES_PER_S, Samples
from reelscope_temporal.features.subjects import Subject
from reelscope_temporal.storyboard.sentences import counted, joined

RANDOM = np.random.default_rng(7)
SOFT = np.kron(RANDOM.integers(0, 255, (12, 40, 3)), np.ones((10, 10, 1))).astype(np.uint8)
"""A wide picture of 120x400 soft blocks, to pan over."""


def context(duration_s: float) -> NodeContext:
    media = MediaInfo(duration_s=duration_s)
    media.video.width, media.video.height, media.video.duration_s = 90, 160, duration_s
    return NodeContext(media, AnalyzeOptions(), lambda _: None)


def story(pictures: Sequence[NDArray[np.uint8]], cast: Sequence[str] = ()) -> tuple[list[Segment], Summary]:
    """The segments and the summary for pictures that come SAMPLES_PER_S times a second, with the same cast in each."""
    where = context(len(pictures) / SAMPLES_PER_S)
    samples, analyzer = Samples(where), Qwen2VlTemporal(where)
    segments: list[Segment] = []
    for index, picture in enumerate(pictures):
        time_s = index / SAMPLES_PER_S
        frame: AnyItem = Item("frames", time_s, time_s + 1 / SAMPLES_PER_S, index, picture)
        for item in samples.process(frame):
            segments += analyzer.process(item)
        if index % SAMPLES_PER_S == 0:
            seen = tuple(Subject(label, 0.9, 0.2, (0.5, 0.5)) for label in cast)
            segments += analyzer.process(Item("subjects", time_s, time_s + 1, index, seen))
    segments += analyzer.flush()
    return segments, analyzer.summary()


def windows(segments: Sequence[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.description.window == "fixed"]


def test_a_still_picture_hardly_moves_and_its_windows_are_the_same() -> None:
    segments, summary = story([SOFT[:, :90]] * 24)
    texts = [segment.description.text for segment in windows(segments)]
    assert all("hardly anything moves" in text for text in texts)
    assert [segment.start_s for segment in windows(segments)] == [0, 2, 4]
    assert [segment.description.HasField("same_as_start_s") for segment in windows(segments)] == [False, True, True]
    assert summary.description.skipped_windows == 2
    assert len(summary.description.chapters) == 1


@pytest.mark.parametrize(
    ("step", "words"), [((8, 0), "the camera pans right"), ((-8, 0), "the camera pans left"), ((0, 0), "hardly anything")]
)
def test_motion_of_the_whole_picture_is_the_cameras(step: tuple[int, int], words: str) -> None:
    start = 100 if step[0] >= 0 else 300
    pictures = [SOFT[:, start + step[0] * index : start + step[0] * index + 90] for index in range(16)]
    segments, _ = story(pictures)
    assert all(words in segment.description.text for segment in windows(segments))


def test_a_picture_that_comes_to_rest_is_at_rest() -> None:
    """Measuring a shift must not change what the next frame is compared with."""
    moving = [SOFT[:, 100 + 8 * index : 190 + 8 * index] for index in range(8)]
    segments, _ = story([*moving, *[moving[-1]] * 8])
    assert windows(segments)[0].description.facts.motion > 0.05
    assert windows(segments)[1].description.facts.motion < 0.001


def test_shots_and_light_are_told() -> None:
    dark = np.full((160, 90, 3), (20, 20, 24), np.uint8)
    bright = np.full((160, 90, 3), (250, 240, 60), np.uint8)
    segments, summary = story([dark] * 10 + [bright] * 10)
    shots = [segment for segment in segments if segment.description.window == "shot"]
    assert [(shot.start_s, shot.end_s) for shot in shots] == [(0, 2.5), (2.5, 5.0)]
    assert "dark" in shots[0].description.setting
    assert "yellow" in shots[1].description.setting
    assert "the shot changes" in windows(segments)[1].description.text
    assert "a new shot" in windows(segments)[1].description.change
    assert summary.description.text.startswith("A vertical clip of 5.0 s.")
    assert len(summary.description.chapters) == 2


def test_subjects_are_named_and_counted() -> None:
    segments, summary = story([SOFT[:, :90]] * 8, ["person", "person", "dog"])
    assert list(segments[0].description.subjects) == ["two people", "a dog"]
    assert segments[0].description.text.startswith("Two people and a dog in the middle;")
    assert summary.description.hook.startswith("Two people and a dog")
    assert all(segment.description.engine == "storyboard" for segment in segments)


def test_one_frame_and_none() -> None:
    segments, _ = story([SOFT[:, :90]])
    assert len(segments) == 2
    none, summary = story([])
    assert none == []
    assert summary.description.windows == 0


def test_words() -> None:
    assert counted("umbrella", 1) == "an umbrella"
    assert counted("person", 12) == "12 people"
    assert counted("couch", 2) == "two couches"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert joined([]) == ""
