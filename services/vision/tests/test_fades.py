"""Fades that are told by the contrast alone, in made histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo, VideoStream
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_vision.features.shots import Shots
from reelscope_vision.shots.blank import find_ramp
from reelscope_vision.shots.history import History
from reelscope_vision.shots.transition import Transition, is_plain

Frames = NDArray[np.uint8]
RATE = 30
BEFORE, LENGTH, AFTER = 40, 30, 20


class BlindNet:
    """In the network's place: it sees no transition."""

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, Frames]) -> list[NDArray[np.float32]]:
        assert outputs == ["single", "many"]
        return [np.full((1, feeds["frames"].shape[1], 1), -8, np.float32)] * 2


def dark(count: int) -> Frames:
    """Stars and a little haze that the camera goes into, [n, 27, 48, 3]: a fade hardly changes it from frame to frame."""
    rng = np.random.default_rng(5)
    sky = cv2.GaussianBlur((rng.random((216, 384)) > 0.99).astype(np.float32), (0, 0), 3)
    sky = 70 * sky / sky.max() + 24 * cv2.resize(rng.random((4, 6), np.float32), (384, 216), interpolation=cv2.INTER_CUBIC)
    pictures = []
    for number in range(count):
        zoom = 1 - min(0.4, 0.002 * number)
        width, height = round(384 * zoom), round(216 * zoom)
        left, top = (384 - width) // 2, (216 - height) // 2
        pictures.append(cv2.resize(sky[top : top + height, left : left + width], (48, 27), interpolation=cv2.INTER_AREA))
    return np.repeat(np.clip(np.stack(pictures), 0, 255).astype(np.uint8)[..., None], 3, axis=3)


def faded(level: int, weights: NDArray[np.float64]) -> Frames:
    """The dark picture, mixed with a plain one."""
    weights = weights[:, None, None, None]
    return np.rint(dark(len(weights)) * weights + level * (1 - weights)).astype(np.uint8)


def straight() -> NDArray[np.float64]:
    """There, going, gone."""
    return np.concatenate([np.ones(BEFORE), 1 - np.arange(1, LENGTH + 1) / LENGTH, np.zeros(AFTER)])


def ramps(frames: Frames, rate: float = RATE) -> list[tuple[int, int]]:
    """All that are found, wherever a picture becomes plain or is not any more."""
    history = History()
    for number, picture in enumerate(frames):
        history.append(index=number, time_s=number / rate, end_s=(number + 1) / rate, picture=picture)
    found = []
    for at in range(1, len(history)):
        before, here = (is_plain(history[position]) for position in (at - 1, at))
        if before != here:
            found.append(find_ramp(history, at, -1) if here else find_ramp(history, at - 1, 1))
    return [one for one in found if one is not None]


@pytest.mark.parametrize("level", [0, 255])
def test_a_dark_picture_fades_out_and_another_in(level: int) -> None:
    out = faded(level, straight())
    ((first, last),) = ramps(out)
    assert (first, last) == pytest.approx((BEFORE, BEFORE + LENGTH - 1), abs=1)
    ((first, last),) = ramps(out[::-1])
    assert (first, last) == pytest.approx((AFTER, AFTER + LENGTH - 1), abs=1)


def test_with_every_fifth_frame_doubled() -> None:
    frames = np.repeat(faded(0, straight()), np.where(np.arange(BEFORE + LENGTH + AFTER) % 5 == 0, 2, 1), axis=0)
    ((first, last),) = ramps(frames)
    assert (first, last) == pytest.approx((BEFORE * 1.2, (BEFORE + LENGTH) * 1.2 - 1), abs=2)


def test_with_an_eased_fade_and_noise() -> None:
    eased = np.concatenate([np.ones(BEFORE), (1 + np.cos(np.linspace(0, np.pi, LENGTH))) / 2, np.zeros(AFTER)])
    noise = np.random.default_rng(2).normal(0, 0.4, (len(eased), 27, 48, 1))
    ((first, last),) = ramps(np.clip(faded(0, eased) + noise, 0, 255).astype(np.uint8))
    assert (first, last) == pytest.approx((BEFORE, BEFORE + LENGTH - 1), abs=5)


def test_a_long_dusk_is_no_fade() -> None:
    assert ramps(faded(0, np.linspace(1, 0, 3 * RATE))) == []


def test_a_cut_to_black_is_no_fade() -> None:
    assert ramps(faded(0, np.repeat([1.0, 0.0], 30))) == []


def test_somebody_who_leaves_is_no_fade() -> None:
    wall = np.full((BEFORE + LENGTH + AFTER, 27, 48, 3), 120, np.uint8)
    for number, picture in enumerate(wall):
        left = 12 + round(36 * float(np.clip((number - BEFORE) / LENGTH, 0, 1)))
        picture[4:, left : left + 24] = 40
    assert ramps(wall) == []


def test_a_curtain_is_no_fade() -> None:
    """It slows down so that what is left of the contrast falls evenly, but not all over the picture."""
    frames = np.clip(np.random.default_rng(3).normal(120, 30, (27, 48, 1)), 0, 255).astype(np.uint8)
    frames = np.tile(frames, (BEFORE + LENGTH + AFTER, 1, 1, 3))
    for number, picture in enumerate(frames):
        left = float(np.clip(1 - (number - BEFORE) / LENGTH, 0, 1))
        picture[:, : round(48 * (1 - left**2))] = 120
    assert ramps(frames) == []


def test_a_lamp_that_glows_out_is_no_fade() -> None:
    glow = 0.85 ** np.arange(LENGTH)
    assert ramps(faded(0, np.concatenate([np.ones(BEFORE), glow, np.zeros(AFTER)]))) == []


def test_a_quarter_that_shows_nothing_has_no_say() -> None:
    frames = faded(0, straight())
    frames[:, :13, :24] = 0
    ((first, last),) = ramps(frames)
    assert (first, last) == pytest.approx((BEFORE, BEFORE + LENGTH - 1), abs=1)


def transitions(frames: Frames, rate: float = RATE) -> list[Transition]:
    """What the feature "shots" tells, frame by frame, in order and in the time that it promises."""
    media = MediaInfo(video=VideoStream(width=48, height=27, frame_rate=rate))
    node = Shots(NodeContext(media, AnalyzeOptions(), lambda _: BlindNet()))
    found: list[Item[Transition]] = []
    promised_s = 0.0
    for number, picture in enumerate(frames):
        new = list(node.process(Item("frames", number / rate, (number + 1) / rate, number, picture)))
        assert all(one.time_s >= promised_s for one in new)
        found += new
        promised_s = number / rate - Shots.lookback_s
    found += node.flush()
    assert [one.time_s for one in found] == sorted(one.time_s for one in found)
    return [one.value for one in found]


def test_fades_that_the_network_does_not_see() -> None:
    """Out over nearly two seconds, in the middle of a clip, and in again."""
    weights = np.concatenate([np.ones(150), np.linspace(1, 0, 55), np.zeros(40), np.linspace(0, 1, 30), np.ones(150)])
    out, back = transitions(faded(0, weights))
    assert (out.kind, out.opens_shot, back.kind) == ("fade", False, "fade")
    assert (out.first_frame, out.last_frame) == pytest.approx((151, 204), abs=1)
    assert (back.first_frame, back.last_frame) == pytest.approx((246, 274), abs=1)


@pytest.mark.parametrize("between", [3, 20, 90, 200])
def test_a_shot_begins_where_another_picture_comes_from_black(between: int) -> None:
    out = np.concatenate([np.ones(100), np.linspace(1, 0, 30)])
    first, second = faded(0, out), faded(0, out)[::-1]
    black = np.zeros((between, 27, 48, 3), np.uint8)
    frames = np.concatenate([first, black, second[:, ::-1, ::-1]])
    assert [(one.kind, one.opens_shot) for one in transitions(frames)] == [("fade", False), ("fade", True)]
    frames = np.concatenate([first, black, second])
    assert [(one.kind, one.opens_shot) for one in transitions(frames)] == [("fade", False), ("fade", False)]


def test_the_same_picture_twice_after_another_opens_one_shot() -> None:
    fade = np.concatenate([np.linspace(0, 1, 30), np.ones(60), np.linspace(1, 0, 30), np.zeros(30)])
    one = np.rint(dark(1) * fade[:, None, None, None]).astype(np.uint8)
    frames = np.concatenate([one, one[:, ::-1, ::-1], one[:, ::-1, ::-1]])
    assert [found.opens_shot for found in transitions(frames)] == [False, False, True, False, False, False]


def test_a_fade_at_the_end() -> None:
    """The clip ends with it, as most do."""
    weights = np.concatenate([np.ones(100), np.linspace(1, 0, 37)[1:]])
    (found,) = transitions(faded(0, weights))
    assert (found.kind, found.first_frame, found.last_frame) == ("fade", 100, 135)


@pytest.mark.parametrize("rate", [3.0, 4.0, 5.0, 8.0, 12.0, 60.0])
def test_at_any_frame_rate_in_time_and_once(rate: float) -> None:
    long = np.ones(round(20 * rate))
    steps = max(5, round(1.2 * rate))
    frames = faded(0, np.concatenate([long, np.linspace(1, 0, steps), 0 * long, np.linspace(0, 1, steps), long]))
    out, back = transitions(frames, rate)
    assert (out.kind, back.kind) == ("fade", "fade")
    assert (out.first_frame, back.first_frame) == pytest.approx((len(long), 2 * len(long) + steps), abs=1)
