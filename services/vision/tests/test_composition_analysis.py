"""Composition of made pictures: a real portrait put where its place is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Analyze, MakeClip
from reelscope.vision.v1.details_pb2 import CompositionDetail
from reelscope_vision.composition.safe_zones import ZONES, covered

Picture = NDArray[np.uint8]
WIDE, TALL = (640, 360), (360, 640)
PORTRAIT = "age_face/portrait_obama_2012.jpg"
CHIN = 0.62
"""Of the portrait's height: it ends above the shoulders when it is cut here."""


@pytest.fixture
def head(media: Callable[[str], Path]) -> Picture:
    """Head and neck of a man, 120 pixels high, about as wide."""
    portrait = cv2.imread(str(media(PORTRAIT)))
    assert portrait is not None
    cut = portrait[: round(portrait.shape[0] * CHIN), 180:640, ::-1]
    return cv2.resize(cut, (round(120 * cut.shape[1] / cut.shape[0]), 120), interpolation=cv2.INTER_AREA).astype(np.uint8)


def scene(head: Picture, at: tuple[float, float], size: tuple[int, int] = WIDE) -> Picture:
    """The head's middle at a place in picture sizes, before a plain wall with a little noise."""
    width, height = size
    noise = np.random.default_rng(1).normal(0, 2, (height, width, 3))
    picture = np.clip(np.array([150, 160, 165]) + noise, 0, 255).astype(np.uint8)
    left, top = round(at[0] * width - head.shape[1] / 2), round(at[1] * height - head.shape[0] / 2)
    rows, columns = slice(max(0, top), min(height, top + head.shape[0])), slice(max(0, left), min(width, left + head.shape[1]))
    picture[rows, columns] = head[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return picture


@pytest.fixture
def composed(analyze: Analyze, make_clip: MakeClip) -> Callable[[Picture], CompositionDetail]:
    def look(picture: Picture) -> CompositionDetail:
        (segment,) = analyze(make_clip(np.stack([picture] * 25)), "composition_analysis").segments
        return segment.composition

    return look


Composed = Callable[[Picture], CompositionDetail]


def test_thirds_and_the_middle(head: Picture, composed: Composed) -> None:
    third, middle = composed(scene(head, (1 / 3, 0.36))), composed(scene(head, (0.5, 0.5)))
    assert (third.subject_position, middle.subject_position) == ("left", "center")
    assert (third.subject_kind, third.people) == ("person", 1)
    assert third.rule_of_thirds > 0.7
    assert middle.rule_of_thirds < 0.5
    assert third.power_point == "top_left"
    assert third.focus.x == pytest.approx(1 / 3, abs=0.05)


def test_a_mirrored_picture_mirrors_the_numbers(head: Picture, composed: Composed) -> None:
    picture = scene(head, (0.3, 0.4))
    one, other = composed(picture), composed(np.ascontiguousarray(picture[:, ::-1]))
    assert (one.subject_position, other.subject_position) == ("left", "right")
    assert other.focus.x == pytest.approx(1 - one.focus.x, abs=0.03)
    assert other.visual_center.x == pytest.approx(1 - one.visual_center.x, abs=0.03)
    assert other.rule_of_thirds == pytest.approx(one.rule_of_thirds, abs=0.08)
    assert other.symmetry == pytest.approx(one.symmetry, abs=0.03)


def test_headroom(head: Picture, composed: Composed) -> None:
    high, low = composed(scene(head, (0.5, 0.25))), composed(scene(head, (0.5, 0.6)))
    # The hair begins a tenth below the upper edge of the cut.
    truth = [at - 60 / 360 + 0.1 * 120 / 360 for at in (0.25, 0.6)]
    assert high.headroom == pytest.approx(truth[0], abs=0.06)
    assert low.headroom == pytest.approx(truth[1], abs=0.06)


def test_symmetry(composed: Composed) -> None:
    random = np.random.default_rng(4)
    half = cv2.resize(random.integers(0, 255, (12, 10, 3)).astype(np.uint8), (320, 360), interpolation=cv2.INTER_CUBIC)
    even = composed(np.concatenate([half, half[:, ::-1]], axis=1))
    other = cv2.resize(random.integers(0, 255, (12, 10, 3)).astype(np.uint8), (320, 360), interpolation=cv2.INTER_CUBIC)
    odd = composed(np.concatenate([half, other], axis=1))
    assert even.symmetry > 0.95
    assert odd.symmetry < even.symmetry - 0.2
    assert even.balance == pytest.approx(1.0, abs=0.05)


def test_what_the_buttons_would_cover(head: Picture, composed: Composed) -> None:
    covered_ = composed(scene(head, (0.9, 0.6), TALL))
    assert {one.zone for one in covered_.safe_zone_conflicts if one.what == "face"} & {
        "tiktok_right_rail",
        "reels_right_rail",
        "shorts_right_rail",
    }
    assert not composed(scene(head, (0.45, 0.4), TALL)).safe_zone_conflicts
    # Nothing lies over a picture that is wider than high.
    assert not composed(scene(head, (0.9, 0.6), WIDE)).safe_zone_conflicts


def test_zones_are_within_the_picture_and_do_not_overlap_in_one_app() -> None:
    for app in ("tiktok", "reels", "shorts"):
        boxes = {name: box for name, box in ZONES.items() if name.startswith(app)}
        assert len(boxes) == 3
        for name, (x, y, width, height) in boxes.items():
            assert min(x, y) >= 0
            assert max(x + width, y + height) <= 1 + 1e-9
            others = {other for other in covered((x, y, width, height)) if other in boxes and other != name}
            assert not others
    assert covered((0.0, 0.0, 1.0, 1.0))["tiktok_bottom_caption"] == pytest.approx(484 / 1920)


def test_nothing_to_look_at(composed: Composed) -> None:
    found = composed(np.full((90, 160, 3), 40, np.uint8))
    assert not found.HasField("rule_of_thirds")
    assert not found.HasField("headroom")
    assert found.subject_kind == ""
