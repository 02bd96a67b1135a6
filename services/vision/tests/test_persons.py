"""Which frames the network sees, and what those between are given, with a network whose person is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from movenet_lab import CELL, SIDE, empty_maps
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_runtime.media.sampling import RateSampler
from reelscope_vision.features.persons import SAMPLED_RATE, Persons

SIZE = 256
FRAMES = 30
LEFT, RIGHT = 30, 226


def picture(x: int | None) -> NDArray[np.uint8]:
    """Stripes, and somebody's white body about the column x."""
    whole = np.zeros((SIZE, SIZE, 3), np.uint8)
    whole[::32] = 90
    if x is not None:
        whole[40:240, x - 24 : x + 24] = 255
    return whole


def elsewhere() -> NDArray[np.uint8]:
    """Another scene, in which nobody is."""
    return np.random.default_rng(3).integers(0, 160, (8, 8, 3), np.uint8).repeat(32, axis=0).repeat(32, axis=1)


@dataclass
class WhiteBody:
    """A network that sees a white body where there is one: 17 keypoints on its axis."""

    looks: int = 0

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        assert outputs is not None
        self.looks += 1
        maps = empty_maps()
        white = np.flatnonzero((feeds["image"][0].min(axis=0) > 0.5).mean(axis=0) > 0.5)
        if len(white):
            points = np.stack([np.linspace(0.2, 0.9, 17) * SIDE, np.full(17, (white.mean() + 0.5) / CELL)], axis=1)
            cells = points.astype(int)
            middle = (35, cells[0, 1])
            maps["centers"][0, 0, *middle] = 0.9
            maps["box_sizes"][0, :, *middle] = 200 / CELL, 48 / CELL
            maps["box_offsets"][0, 1, *middle] = points[0, 1] - middle[1]
            maps["keypoint_steps"][0, :, *middle] = (cells - middle).ravel()
            for point, (cell, within) in enumerate(zip(cells, points - cells, strict=True)):
                maps["keypoints"][0, point, *cell] = 0.9
                maps["keypoint_offsets"][0, 2 * point : 2 * point + 2, *cell] = within
        return [maps[name] for name in outputs]


def looked_at(frames: Iterable[NDArray[np.uint8]], rate: float = SAMPLED_RATE) -> tuple[WhiteBody, list[AnyItem]]:
    """What the feature gives of a clip of some frame rate, of which the decoder gives it a few, held to what it promises."""
    network = WhiteBody()
    sampler = RateSampler(Persons.frames.fps if Persons.frames else None)
    node = Persons(NodeContext(MediaInfo(), AnalyzeOptions(), lambda _: network))
    items: list[AnyItem] = []
    promised_s = 0.0
    for index, frame in enumerate(frames):
        time_s = index / rate
        if not sampler.wants(time_s, time_s + 1 / rate):
            continue
        given = list(node.process(Item("frames", time_s, time_s + 1 / rate, index, frame)))
        assert all(item.time_s >= promised_s for item in given)
        promised_s = min(time_s, node.held_from_s())
        items += given
    items += node.flush()
    assert node.held_from_s() == math.inf
    assert [item.index for item in items] == sorted({item.index for item in items})
    return network, items


def seen(column: Callable[[float], int | None]) -> tuple[WhiteBody, list[AnyItem]]:
    """Five seconds at the rate that is sampled, by where the body is at a time."""
    network, items = looked_at(picture(column(index / SAMPLED_RATE)) for index in range(FRAMES))
    assert len(items) == FRAMES
    return network, items


def columns(items: Sequence[AnyItem]) -> list[float | None]:
    return [float(item.value.persons[0].keypoints[0, 0]) * SIZE if item.value.persons else None for item in items]


def test_nobody_and_nothing_new_is_seen_once() -> None:
    network, items = seen(lambda _: None)
    assert network.looks == 1
    assert not any(item.value.persons for item in items)


def test_who_moves_evenly_is_looked_at_every_second_time_and_is_half_way_between() -> None:
    """Six pixels a frame: what is half-way is told from what is at either end."""
    network, items = seen(lambda time_s: round(LEFT + 36 * time_s))
    assert network.looks <= FRAMES / 2 + 2
    assert {person.track for item in items for person in item.value.persons} == {1}
    moving = [item for item in items if not item.value.repeated]
    assert len(moving) >= 0.9 * FRAMES
    for item, x in zip(moving, columns(moving), strict=True):
        assert x == pytest.approx(LEFT + 36 * item.time_s, abs=2.0)


@pytest.mark.parametrize("phase", [0, 1])
def test_shots_of_one_sampled_frame_are_seen_one_by_one(phase: int) -> None:
    """Two scenes in turn, somebody in one of them: nothing lies on the way from one to the other."""
    scenes = [picture(120), elsewhere()]
    _, items = looked_at(scenes[(index + phase) % 2] for index in range(FRAMES))
    assert [bool(item.value.persons) for item in items] == [(index + phase) % 2 == 0 for index in range(FRAMES)]


@pytest.mark.parametrize("at", [7, 8])
def test_an_insert_between_two_alike_pictures_shows_nobody(at: int) -> None:
    frames = [picture(120 + index % 2) for index in range(FRAMES)]
    frames[at] = elsewhere()
    _, items = looked_at(frames)
    assert [item.index for item in items if not item.value.persons] == [at]


@pytest.mark.parametrize("rate", [0.5, 1.0, 4.0, 10.0, 25.0, 120.0])
def test_any_rate_gives_each_sampled_frame_once(rate: float) -> None:
    count = max(4, round(5 * rate))
    _, items = looked_at((picture(LEFT + index * 160 // count) for index in range(count)), rate)
    assert len(items) == pytest.approx(min(count, 5 * SAMPLED_RATE), abs=1)
    for item, x in zip(items, columns(items), strict=True):
        assert x == pytest.approx(LEFT + item.index * 160 // count, abs=8.0)


def test_who_moves_to_and_fro_is_looked_at_every_time() -> None:
    """A clap: the first and the third look are alike, and the one between is not half-way."""
    network, items = seen(lambda time_s: 100 + 40 * (round(time_s * SAMPLED_RATE) % 2))
    assert network.looks >= FRAMES - 2
    for index, x in enumerate(columns(items)):
        assert x == pytest.approx(100 + 40 * (index % 2), abs=2.0)


def test_who_leaps_is_looked_at_on_the_way() -> None:
    network, items = seen(lambda time_s: LEFT if time_s < 2 else RIGHT)
    for item, x in zip(items, columns(items), strict=True):
        assert x == pytest.approx(LEFT if item.time_s < 2 else RIGHT, abs=2.0)
    assert network.looks < FRAMES / 2


def test_who_comes_is_there_from_the_first_sampled_frame_on() -> None:
    _, items = seen(lambda time_s: None if time_s < 2 else 120)
    assert [item.index for item in items if item.value.persons] == list(range(round(2 * SAMPLED_RATE), FRAMES))
