"""Numbers of pictures that are known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_vision.effects.measures import FrameMeasures
from reelscope_vision.features.frame_measures import FrameMeasuresFeature

SIZES = [(640, 360), (360, 640), (480, 270), (320, 180), (405, 720), (160, 90), (90, 16)]
"""Frames that are shrunk by 4, 3, 2 and not at all."""

Picture = NDArray[np.uint8]


def measured(*pictures: Picture) -> list[FrameMeasures]:
    node = FrameMeasuresFeature(NodeContext(MediaInfo(), AnalyzeOptions(), lambda _: None))
    return [
        item.value
        for at, picture in enumerate(pictures)
        for item in node.process(Item("frames", at / 30, (at + 1) / 30, at, picture))
    ]


def noise(height: int, width: int, channels: int = 3) -> Picture:
    """Blocks of 8 x 8 pixels."""
    blocks = np.random.default_rng(5).integers(0, 256, (height // 8 + 1, width // 8 + 1, channels), np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


@pytest.mark.parametrize("size", SIZES)
def test_brightness_of_every_size(size: tuple[int, int]) -> None:
    gray = noise(*size, 1).repeat(3, axis=2)
    (one,) = measured(gray)
    # Halves round up; sides are cut to a whole number of pixels.
    assert one.luma == pytest.approx(gray[..., 0].mean(), abs=2)
    assert (one.chroma, one.fringe) == (0, 0)
    assert one.tint == pytest.approx(0)
    assert np.isnan(one.change)


@pytest.mark.parametrize("size", SIZES)
def test_change_is_what_was_added(size: tuple[int, int]) -> None:
    dark = noise(*size) // 2
    first, second, third = measured(dark, dark + np.uint8(40), dark + np.uint8(40))
    assert np.isnan(first.change)
    assert second.change == pytest.approx(40, abs=0.1)
    assert second.cells.astype(float) == pytest.approx(np.full(64, 40), abs=0.5)
    assert third.change == 0
    assert second.luma - first.luma == pytest.approx(40, abs=0.1)
    assert second.spread == pytest.approx(first.spread, abs=0.1)
    assert second.detail == pytest.approx(first.detail, abs=0.1)


@pytest.mark.parametrize("size", SIZES)
def test_a_plain_picture_has_nothing(size: tuple[int, int]) -> None:
    (one,) = measured(np.full((*size, 3), 90, np.uint8))
    assert (one.luma, one.spread, one.detail, one.symmetry, one.fringe) == (90, 0, 0, 0, 0)


def test_a_mirrored_picture_is_like_its_mirror() -> None:
    half = noise(640, 180)
    whole = np.concatenate([half, half[:, ::-1]], axis=1)
    (mirrored,) = measured(whole)
    (negative,) = measured(np.concatenate([half, 255 - half[:, ::-1]], axis=1))
    (other,) = measured(noise(640, 360))
    assert mirrored.symmetry == pytest.approx(1)
    assert negative.symmetry == pytest.approx(-1, abs=0.01)
    assert abs(other.symmetry) < 0.1


@pytest.mark.parametrize("pixels", [-7, -3, 0, 1, 2, 5, 8])
def test_fringe_is_how_far_red_is_from_blue(pixels: int) -> None:
    """In pixels of the small picture, a quarter as large; lenses do one, and more than 8 is not looked for."""
    picture = noise(360, 640, 1).repeat(3, axis=2)
    picture[..., 0] = np.roll(picture[..., 0], 4 * pixels, axis=1)
    (one,) = measured(picture)
    assert one.fringe == pytest.approx(100 * pixels / 160 if abs(pixels) >= 2 else 0)


def test_channels_that_show_different_things_have_no_fringe() -> None:
    (one,) = measured(noise(360, 640))
    assert one.fringe == 0
