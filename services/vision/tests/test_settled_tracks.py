"""Tracks that are told of, where they end, and what the analyzers make of the time that each frame is shown for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_runtime.models.nets.nanodet import Detection
from reelscope_vision.analyzers.eye_tracking import EyeTracking
from reelscope_vision.analyzers.face_detection import FaceDetection
from reelscope_vision.analyzers.hand_gesture import HandGesture
from reelscope_vision.faces.face import Face, FrameFaces
from reelscope_vision.features.face_tracks import FaceTracks
from reelscope_vision.features.hand_tracks import HandTracks
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.settled_tracks import SettledTracks
from reelscope_vision.hands.hand import FrameHands, Hand
from reelscope_vision.tracking.settling import LEAST_S, PROOF_S, Settler
from reelscope_vision.tracking.stretches import stretches

CLIP_S = 4.0


def frame(time_s: float, tracks: list[int]) -> AnyItem:
    faces = tuple(Face(track, np.zeros(4), np.zeros((478, 3), np.float32), 0.9, 1.0) for track in tracks)
    return Item("faces", time_s, time_s + 0.04, round(time_s * 25), FrameFaces(faces, 1.0))


def settled(frames: list[tuple[float, list[int]]], cuts: list[float]) -> list[tuple[float, dict[int, int]]]:
    settler, found = Settler(), []
    waiting = list(cuts)
    for time_s, tracks in frames:
        while waiting and waiting[0] <= time_s:
            settler.cut(waiting.pop(0))
        given = list(settler.feed(frame(time_s, tracks), tracks))
        assert all(one.item.time_s >= time_s - 2 * PROOF_S for one in given)
        found.extend(given)
    found.extend(settler.finish())
    return [(one.item.time_s, dict(one.tracks)) for one in found]


def test_tracks_that_do_not_last_are_dropped_and_the_others_numbered_anew() -> None:
    frames = [(at / 25, [7] if 10 <= at < 10 + LEAST_S * 25 / 2 else [3]) for at in range(50)]
    assert {track for _, tracks in settled(frames, []) for track in tracks.items()} == {(3, 1)}


def test_a_cut_parts_a_track_even_if_it_goes_on() -> None:
    found = settled([(at / 25, [3]) for at in range(50)], [1.0])
    assert {tracks[3] for time_s, tracks in found if time_s < 1.0} == {1}
    assert {tracks[3] for time_s, tracks in found if time_s >= 1.0} == {2}


def test_a_short_shot_keeps_its_faces() -> None:
    found = settled([(at / 25, [5]) for at in range(30)], [0.4, 0.6])
    assert [tracks for _, tracks in found if not tracks] == []
    assert settled([(0.0, [4])], []) == [(0.0, {4: 1})], "a picture"


def test_short_stretches_go_to_their_longer_neighbour() -> None:
    states = ["a"] * 10 + ["b"] * 2 + ["a"] * 5 + ["c"] * 8
    starts = [0.1 * at for at in range(len(states))]
    found = stretches(states, [at + 0.1 for at in starts], starts, 0.35)
    assert [(one.state, one.first, one.beyond) for one in found] == [("a", 0, 17), ("c", 17, 25)]
    assert stretches(["x"], [0.04], [0.0], 1.0)[0].state == "x"
    assert stretches([], [], [], 1.0) == []


@dataclass(frozen=True)
class Transition:
    """What track features ask of one."""

    ends_tracks: bool = True


def context() -> NodeContext:
    media = MediaInfo(duration_s=CLIP_S)
    media.video.duration_s, media.video.width, media.video.height = CLIP_S, 640, 360
    return NodeContext(media=media, options=AnalyzeOptions(), model=lambda _: None)


def shown(node: SettledTracks, fps: float, *, present_s: float = CLIP_S, cut_s: float = np.inf) -> Iterator[AnyItem]:
    """Tracks of one face or hand, there up to a time, in a clip of which not every frame is looked at."""
    random = np.random.default_rng(0)
    face = Face(5, np.full(4, 0.4), random.random((478, 3), np.float32), 0.9, 1.0)
    hand = Hand(5, random.random((21, 3)), np.full(4, 0.4), 0.9, 0.1)
    sampler = RateSampler(node.sampled_rate)
    for at in range(round(CLIP_S * fps)):
        time_s, end_s = at / fps, (at + 1) / fps
        if time_s <= cut_s < end_s:
            yield from node.process(Item("shots", cut_s, cut_s, at, Transition()))
        if sampler.wants(time_s, end_s):
            is_there = time_s < present_s
            value = FrameFaces((face,) * is_there, 1.0) if isinstance(node, FaceTracks) else FrameHands((hand,) * is_there, 1.0)
            yield from node.process(Item(node.requires[1], time_s, end_s, at, value))
    yield from node.flush()


@pytest.mark.parametrize("fps", [8.0, 25.0, 30.0, 50.0, 60.0, 120.0])
@pytest.mark.parametrize("kind", [FaceTracks, HandTracks])
def test_a_frame_stands_until_the_next_one_that_was_looked_at(kind: type[SettledTracks], fps: float) -> None:
    items = list(shown(kind(context()), fps))
    assert [one.end_s for one in items] == pytest.approx([*(one.time_s for one in items[1:]), CLIP_S])


def test_a_frame_does_not_stand_beyond_its_shot() -> None:
    """The cut lies between two frames that are looked at."""
    items = list(shown(FaceTracks(context()), 60.0, cut_s=121 / 60))
    track_of = {one.value.faces[0].track: one for one in items}
    assert track_of[1].time_s == 2.0
    assert track_of[1].end_s == 121 / 60
    assert len(track_of) == 2


@pytest.mark.parametrize("fps", [8.0, 50.0, 60.0, 120.0])
@pytest.mark.parametrize("node", [FaceDetection, EyeTracking, HandGesture])
def test_time_is_told_whole_where_not_every_frame_is_looked_at(node: type[Analyzer], fps: float) -> None:
    """The face or hand is there for three quarters of the clip."""
    analyzer = node(context())
    kind = HandTracks if node is HandGesture else FaceTracks
    for item in shown(kind(context()), fps, present_s=3.0):
        assert not list(analyzer.process(item))
    segments = list(analyzer.flush())
    slack_s = 1 / min(kind.sampled_rate, fps)
    assert segments[0].start_s == 0.0
    assert segments[-1].end_s == pytest.approx(3.0, abs=slack_s)
    assert [one.end_s for one in segments[:-1]] == pytest.approx([one.start_s for one in segments[1:]])
    summary = analyzer.summary()
    shares = [summary.face.screen_time_share, summary.hand.screen_time_share]
    if node is not EyeTracking:
        assert max(shares) == pytest.approx(0.75, abs=slack_s / CLIP_S)


def test_an_hour_of_a_face_is_kept_in_a_few_megabytes() -> None:
    """At most 64 bytes a frame: thirty frames a second make 7 MB."""
    faces, eyes = FaceDetection(context()), EyeTracking(context())
    items = list(shown(FaceTracks(context()), 30.0))
    for item in items:
        faces.process(item)
        eyes.process(item)
    for rows in (faces._sightings[1].rows, eyes._looks[1]):
        assert rows.itemsize * len(rows) <= 64 * len(items)


SMALL = (0.4, 0.2, 0.1, 0.1)
BODY = (0.3, 0.1, 0.3, 0.8)


def seen(score: float, label: str = "person", box: tuple[float, float, float, float] = BODY) -> Detection:
    return Detection(0, label, score, *box)


def told_faces(
    score: float,
    box: tuple[float, float, float, float] = SMALL,
    objects: Sequence[Detection] | None = (),
    *,
    aspect: float = 16 / 9,
    cut_s: float = np.inf,
    objects_until_s: float = np.inf,
) -> list[int]:
    """How many faces are told of in each of 50 frames at 25 a second that show one; objects come five times a second."""
    node = FaceTracks(context())
    frame = FrameFaces((Face(7, np.array(box), np.zeros((478, 3), np.float32), score, 1.0),), aspect)
    found: list[AnyItem] = []
    for at in range(50):
        time_s, end_s = at / 25, (at + 1) / 25
        if time_s <= cut_s < end_s:
            found += node.process(Item("shots", cut_s, cut_s, at, Transition()))
        found += node.process(Item("faces", time_s, end_s, at, frame))
        if objects is not None and at % 5 == 0 and time_s < objects_until_s:
            found += node.process(Item("objects", time_s, end_s, at, FrameObjects(tuple(objects), repeated=False)))
    found += node.flush()
    return [len(item.value.faces) for item in found]


def test_a_sure_face_needs_nobody_to_speak_for_it() -> None:
    assert told_faces(0.8) == told_faces(0.8, objects=None) == [1] * 50


def test_a_likely_face_is_told_of_where_objects_show_its_person_and_from_the_first_frame_on() -> None:
    assert told_faces(0.72, objects=[seen(0.6)]) == [1] * 50
    assert told_faces(0.72, objects=[seen(0.9, "dog"), seen(0.6)], objects_until_s=0.1) == [1] * 50


def test_a_likely_face_that_nothing_speaks_for_is_a_mistake() -> None:
    """A rocket's nose, a dog's belly: nobody is there, or somewhere else, or hardly to be seen."""
    for others in ([], None, [seen(0.9, "dog")], [seen(0.9, box=(0.7, 0.1, 0.3, 0.8))], [seen(0.4)]):
        assert told_faces(0.75, objects=others) == [0] * 50


def test_an_unlikely_face_is_a_mistake_whoever_holds_it() -> None:
    """A knee is within its person too."""
    assert told_faces(0.67, objects=[seen(0.9)]) == [0] * 50


def test_a_likely_face_that_fills_the_picture_needs_nobody() -> None:
    assert told_faces(0.72, (0.3, 0.2, 0.3, 0.6), objects=[]) == [1] * 50
    assert told_faces(0.72, (0.2, 0.3, 0.6, 0.4), objects=[], aspect=9 / 16) == [1] * 50, "as wide as the picture allows"
    assert told_faces(0.72, (0.3, 0.3, 0.4, 0.25), objects=[], aspect=9 / 16) == [0] * 50


def test_a_person_before_a_cut_does_not_speak_for_a_face_after_it() -> None:
    assert told_faces(0.72, objects=[seen(0.6)], cut_s=0.84, objects_until_s=0.81) == [1] * 21 + [0] * 29
