"""Which skeletons are persons: what the network sees in bottles and dogs is not told of, weak skeletons of people are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_runtime.models.nets.nanodet import Detection
from reelscope_vision.features.objects import FrameObjects
from reelscope_vision.features.person_tracks import PersonTracks
from reelscope_vision.persons.person import FramePersons, Person
from reelscope_vision.shots.transition import Transition

Box = tuple[float, float, float, float]
BODY: Box = (0.3, 0.1, 0.3, 0.8)
FACE: Box = (0.4, 0.3, 0.15, 0.2)


def person(track: int, score: float, box: Box = BODY) -> Person:
    return Person(track, np.array(box), np.zeros((17, 3)), score)


def seen(score: float, label: str = "person", box: Box = BODY) -> Detection:
    return Detection(0, label, score, *box)


def told(
    persons: Sequence[Person], objects: Mapping[int, Sequence[Detection]], *, frames: int = 12, cut_at: int | None = None
) -> list[set[int]]:
    """Tracks of each frame; objects come by the number of the frame."""
    node = PersonTracks(NodeContext(MediaInfo(duration_s=frames / 6), AnalyzeOptions(), lambda _: None))
    found: list[AnyItem] = []
    for at in range(frames):
        time_s = at / 6
        if at == cut_at:
            cut = Transition(
                kind="hard", frame=at, time_s=time_s, first_frame=at, last_frame=at, start_s=time_s, end_s=time_s, strength=0.9,
                opens_shot=True,
            )  # fmt: skip
            found += node.process(Item("shots", time_s, time_s, at, cut))
        found += node.process(Item("persons", time_s, time_s + 1 / 6, at, FramePersons(tuple(persons), 0.5625)))
        if at in objects:
            found += node.process(Item("objects", time_s, time_s + 1 / 6, at, FrameObjects(tuple(objects[at]), repeated=False)))
    found += node.flush()
    assert len(found) == frames
    return [{one.track for one in item.value.persons} for item in found]


def test_a_sure_skeleton_needs_nobody() -> None:
    assert told([person(7, 0.6)], {}) == [{1}] * 12


def test_a_weak_skeleton_is_told_of_where_objects_show_a_person_and_from_the_first_frame_on() -> None:
    assert told([person(7, 0.3)], {2: [seen(0.6)]}) == [{1}] * 12


def test_a_weak_skeleton_of_something_else_is_not_told_of() -> None:
    for other in ([seen(0.8, "bottle")], [seen(0.8, box=(0.7, 0.1, 0.3, 0.8))], [seen(0.35)], []):
        assert told([person(7, 0.35)], dict.fromkeys(range(12), other)) == [set()] * 12


def test_a_face_that_fills_the_picture_is_a_small_part_of_its_person() -> None:
    assert told([person(7, 0.3, FACE)], {0: [seen(0.8, box=(0.0, 0.0, 1.0, 1.0))]}) == [{1}] * 12


def test_one_person_speaks_for_one_skeleton() -> None:
    second = person(8, 0.3, FACE)
    assert told([person(7, 0.4), second], {at: [seen(0.8)] for at in range(12)}) == [{1}] * 12


def test_what_was_believed_before_a_cut_must_prove_itself_anew() -> None:
    tracks = told([person(7, 0.3)], {0: [seen(0.6)]}, cut_at=6)
    assert tracks == [{1}] * 6 + [set()] * 6
