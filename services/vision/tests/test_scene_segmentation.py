"""Scenes made of real shots: places that change, come back, and alternate."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Analyze, MakeClip
from reelscope_vision.scenes import grouping
from reelscope_vision.scenes.grouping import Shot, are_one_place
from reelscope_vision.scenes.look import Look, likeness, look_of

Frames = NDArray[np.uint8]
PLACES = {
    "street": "pose/sam2_woman_dog.mp4",
    "room": "talking/latentsync_demo3_vertical.mp4",
    "class": "camera/pexels_teacher_push_in.mp4",
    "table": "camera/intel_bottle_static.mp4",
}


@pytest.fixture
def shot(media: Callable[[str], Path]) -> Callable[[str, int], Frames]:
    """A second of a place, later ones where `take` is larger, 640 x 360."""

    def film(place: str, take: int) -> Frames:
        with av.open(str(media(PLACES[place]))) as container:
            taken = itertools.islice(container.decode(video=0), take * 60, take * 60 + 25)
            frames = [frame.to_ndarray(format="rgb24") for frame in taken]
        height, width = frames[0].shape[:2]
        rows = min(height, width * 9 // 16)
        top = (height - rows) // 3
        return np.stack([cv2.resize(frame[top : top + rows], (640, 360)) for frame in frames]).astype(np.uint8)

    return film


def scenes(analyze: Analyze, clip: Path) -> list[tuple[int, Sequence[int]]]:
    segments = analyze(clip, "scene_segmentation").segments
    assert segments[0].start_s == 0.0
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(segments))
    return [(one.scene.scene_id, list(one.scene.shots)) for one in segments]


def test_three_places_are_three_scenes(shot: Callable[[str, int], Frames], analyze: Analyze, make_clip: MakeClip) -> None:
    clip = make_clip(np.concatenate([shot("street", 0), shot("room", 0), shot("table", 0)]))
    assert scenes(analyze, clip) == [(1, [0]), (2, [1]), (3, [2])]


def test_a_conversation_is_one_scene(shot: Callable[[str, int], Frames], analyze: Analyze, make_clip: MakeClip) -> None:
    clip = make_clip(np.concatenate([shot("room", 0), shot("street", 0), shot("room", 1), shot("street", 1)]))
    assert scenes(analyze, clip) == [(1, [0, 1, 2, 3])]


def test_a_place_that_comes_back_later(shot: Callable[[str, int], Frames], analyze: Analyze, make_clip: MakeClip) -> None:
    """More shots in between than a conversation has."""
    others = [shot(place, take) for take in range(4) for place in ("room", "table")]
    clip = make_clip(np.concatenate([shot("street", 0), *others, shot("street", 1)]))
    found = scenes(analyze, clip)
    assert [number for number, _ in found] == [1, 2, 1]


def test_one_shot_is_one_scene(shot: Callable[[str, int], Frames], analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(shot("class", 0)), "scene_segmentation")
    assert len(result.segments) == 1
    assert (result.summary.scene.scene_count, result.summary.scene.shot_count) == (1, 1)


def test_likeness_of_places(shot: Callable[[str, int], Frames]) -> None:
    looks = {(place, take): look_of(shot(place, take)[0]) for place in PLACES for take in (0, 1)}
    for place in PLACES:
        same = likeness(looks[place, 0], looks[place, 1])
        others = [likeness(looks[place, 0], look) for (other, _), look in looks.items() if other != place]
        assert same > max(others) + 0.1, (place, same, others)


def made(seed: int) -> Look:
    rng = np.random.default_rng(seed)
    edges = rng.random(128).astype(np.float32)
    return Look(rng.dirichlet(np.full(384, 0.05)).astype(np.float32), edges / np.linalg.norm(edges), is_plain=False)


def test_places_are_those_that_shots_are_of_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that have a part in common, so that some are alike, some only with one person in both, and some are not."""
    rng = np.random.default_rng(5)
    shots: list[Shot] = []
    for number, share in enumerate(rng.uniform(0.1, 0.7, 60).tolist()):
        usual, own = made(int(rng.integers(5))), made(100 + number)
        persons = {int(person) for person in rng.integers(0, 12, rng.integers(0, 2))}
        colors = np.asarray((1 - share) * usual.colors + share * own.colors, np.float32)
        shots.append(Shot(0.0, 1.0, [replace(own, colors=colors)], persons))
    shots[7].looks.clear()
    scenes = [list(range(at, at + 2)) for at in range(0, 60, 2)]
    known: list[list[Shot]] = []
    expected = []
    for scene in scenes:
        members = [shots[index] for index in scene]
        same = (at for at, place in enumerate(known) if any(are_one_place(a, b) for a in place for b in members))
        expected.append(next(same, len(known)))
        known += [[]] * (expected[-1] == len(known))
        known[expected[-1]] = known[expected[-1]] + members
    monkeypatch.setattr(grouping, "likeness", None)
    assert grouping.places_of(shots, scenes) == expected
    assert 1 < len(set(expected)) < len(scenes)
    assert grouping.places_of([Shot(0.0, 1.0, [made(1)])], [[0]]) == [0]
    assert grouping.places_of([Shot(0.0, 1.0)], [[0]]) == [0]
