"""Which frames the network sees, and what those between are given, with a network whose person is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import AnyItem, Item
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


@dataclass
class WhiteBody:
    """A network that sees a white body where there is one: 17 keypoints on its axis."""

    looks: int = 0

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        del outputs
        self.looks += 1
        rows = np.zeros((6, 56))
        white = np.flatnonzero((feeds["input:0"][0].min(axis=2) > 200).mean(axis=0) > 0.5)
        if len(white):
            x = float(white.mean() + 0.5) / SIZE
            points = np.stack([np.linspace(0.2, 0.9, 17), np.full(17, x), np.full(17, 0.9)], axis=1)
            rows[0] = [*points.reshape(-1), 40 / SIZE, x - 24 / SIZE, 240 / SIZE, x + 24 / SIZE, 0.8]
        return [rows.reshape(1, 6, 56)]


def seen(column: Callable[[float], int | None]) -> tuple[WhiteBody, list[AnyItem]]:
    """Five seconds at the rate that is sampled, by where the body is at a time."""
    network = WhiteBody()
    node = Persons(NodeContext(MediaInfo(), AnalyzeOptions(), lambda _: network))
    items: list[AnyItem] = []
    for index in range(FRAMES):
        time_s = index / SAMPLED_RATE
        item = Item("frames", time_s, time_s + 1 / SAMPLED_RATE, index, picture(column(time_s)))
        items += node.process(item)
    items += node.flush()
    assert [item.index for item in items] == list(range(FRAMES))
    return network, items


def columns(items: Sequence[AnyItem]) -> list[float | None]:
    return [float(item.value.persons[0].keypoints[0, 0]) * SIZE if item.value.persons else None for item in items]


def test_nobody_and_nothing_new_is_seen_once() -> None:
    network, items = seen(lambda _: None)
    assert network.looks == 1
    assert not any(item.value.persons for item in items)


def test_who_moves_evenly_is_looked_at_every_second_time_and_is_half_way_between() -> None:
    network, items = seen(lambda time_s: round(LEFT + 30 * time_s))
    assert network.looks <= FRAMES / 2 + 2
    assert {person.track for item in items for person in item.value.persons} == {1}
    for item, x in zip(items, columns(items), strict=True):
        assert x == pytest.approx(LEFT + 30 * item.time_s, abs=8.0)


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
