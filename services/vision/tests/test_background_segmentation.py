"""Surfaces, changes and segments of backgrounds whose kind is known by construction; nobody is in these pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.background.change import is_break, is_other, person_stays
from reelscope_vision.background.surface import Surface, surface
from reelscope_vision.color.oklab import from_srgb

if TYPE_CHECKING:
    from conftest import Analyze, MakeClip

Picture = NDArray[np.uint8]
NOBODY = np.zeros((144, 256), np.float32)


def looked_at(picture: Picture, alpha: NDArray[np.float32] = NOBODY) -> Surface:
    cells = from_srgb(np.asarray(cv2.resize(picture, (40, 40), interpolation=cv2.INTER_AREA), np.uint8))
    covered = cv2.resize(alpha, (40, 40), interpolation=cv2.INTER_AREA)
    return surface(picture, alpha, cells, covered < 0.1)


def plain(color: tuple[int, int, int]) -> Picture:
    return np.broadcast_to(np.array(color, np.uint8), (360, 640, 3)).copy()


def wall(color: tuple[int, int, int], falloff: float) -> Picture:
    """A wall that a lamp lights from the upper left, with a camera's noise."""
    y, x = np.mgrid[0:360, 0:640] / 640
    light = 1 - falloff * np.hypot(x - 0.2, y - 0.1)
    lit = np.array(color) * light[..., None] + np.random.default_rng(8).normal(0, 3, (360, 640, 3))
    return np.clip(lit, 0, 255).astype(np.uint8)


def place(seed: int = 3) -> Picture:
    """Patches of many colours with sharp edges."""
    rng = np.random.default_rng(seed)
    picture = plain((120, 110, 100))
    for _ in range(120):
        top, left = int(rng.integers(0, 330)), int(rng.integers(0, 590))
        picture[top : top + int(rng.integers(20, 90)), left : left + int(rng.integers(20, 120))] = rng.integers(20, 235, 3)
    return picture


def person(picture: Picture) -> tuple[Picture, NDArray[np.float32]]:
    """A sharp figure in the middle, and its mask."""
    alpha = np.zeros((144, 256), np.float32)
    cv2.ellipse(alpha, (128, 100), (45, 70), 0, 0, 360, 1.0, -1)
    large = cv2.resize(alpha, (640, 360), interpolation=cv2.INTER_NEAREST)[..., None] > 0.5
    return np.where(large, place(99), picture), alpha


@pytest.mark.parametrize(
    "color", [(230, 228, 224), (205, 186, 150), (40, 40, 44), (46, 160, 185), (156, 174, 138), (120, 30, 30)]
)
@pytest.mark.parametrize("falloff", [0.0, 0.3, 0.6])
def test_walls_are_plain(color: tuple[int, int, int], falloff: float) -> None:
    assert looked_at(wall(color, falloff)).kind == "plain"


@pytest.mark.parametrize("color", [(0, 177, 64), (0, 255, 0), (40, 190, 80), (0, 71, 187), (20, 60, 230)])
def test_evenly_lit_pure_colours_are_keyed(color: tuple[int, int, int]) -> None:
    assert looked_at(plain(color)).kind == "green_screen"
    assert looked_at(wall(color, 0.1)).kind == "green_screen"


@pytest.mark.parametrize("color", [(0, 177, 64), (0, 71, 187)])
def test_a_painted_wall_with_a_shadow_is_not_keyed(color: tuple[int, int, int]) -> None:
    assert looked_at(wall(color, 0.8)).kind == "plain"


@pytest.mark.parametrize("sigma", [5.0, 8.0, 14.0])
def test_blurred_behind_a_sharp_person(sigma: float) -> None:
    picture, alpha = person(cv2.GaussianBlur(place(), (0, 0), sigma))
    assert looked_at(picture, alpha).kind == "blurred"
    picture, alpha = person(place())
    assert looked_at(picture, alpha).kind == "real"


def test_a_bad_picture_is_no_blurred_background() -> None:
    picture, alpha = person(place())
    assert looked_at(cv2.GaussianBlur(picture, (0, 0), 2.5), alpha).kind == "real"


@dataclass
class Cells:
    """A picture in cells: its left third is a person."""

    lab: NDArray[np.float32]
    visible: NDArray[np.bool_]
    person: NDArray[np.bool_]


def cells(background: int, figure: int = 5, shift: int = 0) -> Cells:
    rng = np.random.default_rng(background)
    lab = np.roll(rng.uniform(0.2, 0.8, (40, 40, 3)).astype(np.float32), shift, axis=1)
    lab[:, :13] = np.random.default_rng(figure).uniform(0.2, 0.8, (40, 13, 3))
    person = np.zeros((40, 40), bool)
    person[:, :12] = True
    visible = np.zeros((40, 40), bool)
    visible[:, 14:] = True
    return Cells(lab, visible, person)


def test_another_background_behind_the_same_person() -> None:
    old, new = [cells(1)] * 3, [cells(2)] * 4
    assert is_break(old, new)
    assert person_stays(old[-1], new[0])
    assert not person_stays(old[-1], cells(2, figure=6))


def test_a_flash_a_flicker_and_a_moving_camera_are_no_change() -> None:
    old = [cells(1)] * 3
    assert not is_break(old, [cells(2), *old])
    dimmed = cells(1)
    dimmed.lab = dimmed.lab - np.float32(0.03)
    assert not is_other(old[0], dimmed)
    moving = [cells(1, shift=step) for step in range(7)]
    assert not is_break(moving[:3], moving[3:])


def test_a_clip_without_people(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = np.stack([plain((205, 186, 150))] * 30 + [place()] * 30)
    result = analyze(make_clip(frames), "background_segmentation")
    first, second = (segment.background for segment in result.segments)
    assert result.segments[0].end_s == result.segments[1].start_s == pytest.approx(30 / 25, abs=0.2)
    assert (first.kind, second.kind) == ("plain", "real")
    assert (first.change, second.change) == ("", "cut")
    assert first.foreground_share < 0.02
    assert [one.name for one in first.colors] == ["beige"]
    assert result.summary.background.change_count == 1
