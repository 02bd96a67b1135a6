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
        width, height = round(384 * (1 - 0.002 * number)), round(216 * (1 - 0.002 * number))
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


def transitions(frames: Frames) -> list[Transition]:
    """What the feature "shots" tells, frame by frame."""
    media = MediaInfo(video=VideoStream(width=48, height=27, frame_rate=RATE))
    node = Shots(NodeContext(media, AnalyzeOptions(), lambda _: BlindNet()))
    items = [Item("frames", number / RATE, (number + 1) / RATE, number, picture) for number, picture in enumerate(frames)]
    found = [one for item in items for one in node.process(item)]
    return [one.value for one in (*found, *node.flush())]


def test_fades_that_the_network_does_not_see() -> None:
    """Out over nearly two seconds, in the middle of a clip, and in again: of the same picture, so that no shot begins."""
    weights = np.concatenate([np.ones(150), np.linspace(1, 0, 55), np.zeros(40), np.linspace(0, 1, 30), np.ones(150)])
    out, back = transitions(faded(0, weights))
    assert (out.kind, out.opens_shot, back.kind) == ("fade", False, "fade")
    assert (out.first_frame, out.last_frame) == pytest.approx((151, 204), abs=1)
    assert (back.first_frame, back.last_frame) == pytest.approx((246, 274), abs=1)


def test_a_fade_at_the_end() -> None:
    """The clip ends with it, as most do."""
    weights = np.concatenate([np.ones(100), np.linspace(1, 0, 37)[1:]])
    (found,) = transitions(faded(0, weights))
    assert (found.kind, found.first_frame, found.last_frame) == ("fade", 100, 135)
