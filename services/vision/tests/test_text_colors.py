"""Colours of made lines: plain, outlined, and on a card, before what a camera would see."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from reelscope_vision.text.colors import line_colors

Picture = NDArray[np.uint8]

WHITE, YELLOW, RED, INK = (255, 255, 255), (255, 230, 0), (230, 40, 40), (20, 20, 20)
WITHIN = 45
"""Grey levels of a channel: letters are a few pixels wide, and packed as JPEG."""


def meadow(brightness: float) -> Picture:
    """Soft shapes of some colours, and fine ones: [h, w, 3]."""
    rng = np.random.default_rng(4)
    scene = np.full((120, 700, 3), 255 * brightness, np.float32)
    for cells, depth in ((6, 30), (40, 15), (160, 8)):
        grid = rng.normal(0, depth, (max(2, cells // 6), cells, 3)).astype(np.float32)
        scene += cv2.resize(grid, (700, 120), interpolation=cv2.INTER_CUBIC)
    return np.clip(scene, 0, 255).astype(np.uint8)


def line(color: tuple[int, int, int], *, height: int, around: str, brightness: float) -> Picture:
    """The crop of a line as it is kept of a clip: its box, with a little room."""
    picture = Image.fromarray(meadow(brightness))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(height)
    other = WHITE if color == INK else (5, 5, 10)
    stroke = max(2, height // 14) if around == "outline" else 0
    left, top, right, bottom = (int(side) for side in draw.textbbox((40, 30), "good morning", font, stroke_width=stroke))
    if around == "card":
        draw.rectangle((left - 12, top - 12, right + 12, bottom + 12), other)
    draw.text((40, 30), "good morning", color, font, stroke_width=stroke, stroke_fill=other)
    room = round(0.12 * (bottom - top))
    crop = np.asarray(picture)[top - room : bottom + room, left - room : right + room]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR), np.uint8)


def channels(text: str) -> list[int]:
    return [int(text[at : at + 2], 16) for at in (1, 3, 5)]


@pytest.mark.parametrize("height", [30, 60])
@pytest.mark.parametrize("brightness", [0.2, 0.5, 0.85])
@pytest.mark.parametrize("color", [WHITE, YELLOW, RED, INK])
def test_letters_have_their_colour_and_not_their_outlines(color: tuple[int, int, int], brightness: float, height: int) -> None:
    letters, behind = line_colors(line(color, height=height, around="outline", brightness=brightness))
    assert np.abs(np.subtract(channels(letters), color)).max() <= WITHIN
    assert np.abs(np.mean(channels(behind)) - 255 * brightness) <= WITHIN


@pytest.mark.parametrize(("color", "brightness"), [(WHITE, 0.2), (WHITE, 0.5), (YELLOW, 0.2), (RED, 0.85), (INK, 0.85)])
def test_plain_letters(color: tuple[int, int, int], brightness: float) -> None:
    letters, behind = line_colors(line(color, height=48, around="none", brightness=brightness))
    assert np.abs(np.subtract(channels(letters), color)).max() <= WITHIN
    assert np.abs(np.mean(channels(behind)) - 255 * brightness) <= WITHIN


@pytest.mark.parametrize("around", ["none", "outline"])
def test_upright_lines(around: str) -> None:
    upright = np.rot90(line(WHITE, height=60, around=around, brightness=0.5))
    letters, _ = line_colors(np.ascontiguousarray(upright))
    assert np.abs(np.subtract(channels(letters), WHITE)).max() <= WITHIN


@pytest.mark.parametrize("color", [WHITE, YELLOW, RED, INK])
def test_letters_on_a_card(color: tuple[int, int, int]) -> None:
    letters, behind = line_colors(line(color, height=40, around="card", brightness=0.5))
    assert np.abs(np.subtract(channels(letters), color)).max() <= WITHIN
    assert np.abs(np.subtract(channels(behind), WHITE if color == INK else (5, 5, 10))).max() <= WITHIN


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 9), (3, 3), (20, 300)])
def test_what_has_one_colour(shape: tuple[int, int]) -> None:
    letters, behind = line_colors(np.full((*shape, 3), 7, np.uint8))
    assert behind == "#070707"
    assert letters in {"", behind}
