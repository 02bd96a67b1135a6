"""Composition of made pictures: subjects at known places, symmetric pictures, and what an app's buttons would cover."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment
from reelscope.analysis.v1.geometry_pb2 import Box, Point, TimedPolygon
from reelscope.vision.v1.details_pb2 import CompositionDetail, TextDetail
from reelscope_vision.analyzers.composition_analysis import _Spans
from reelscope_vision.composition.candidate import Candidate
from reelscope_vision.composition.conflicts import conflicts
from reelscope_vision.composition.division import Sample, divide
from reelscope_vision.composition.framing import Framing
from reelscope_vision.composition.layout import layout_of
from reelscope_vision.composition.safe_zones import ZONES, covered
from reelscope_vision.quality.bars import Bars
from reelscope_vision.tracking.boxes import iou

if TYPE_CHECKING:
    from conftest import Analyze, MakeClip

Picture = NDArray[np.uint8]
Media = Callable[[str], Path]

PORTRAIT = "age_face/portrait_obama_2012.jpg"
EYES, CROWN, CHIN = (408, 176), 24, 367
"""Pixels in the portrait, read off by eye."""

NAME = "composition_analysis"


def noise_picture(height: int = 180, width: int = 320, seed: int = 3) -> Picture:
    """Soft blobs of colour, nothing symmetric."""
    small = np.random.default_rng(seed).integers(30, 225, (height // 20, width // 20, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def texture(height: int, width: int) -> Picture:
    """Small sharp patches all over."""
    fine = np.random.default_rng(5).integers(40, 215, (height // 12, width // 12, 1)).astype(np.uint8)
    gray = np.kron(fine[..., 0], np.ones((12, 12), np.uint8))
    return np.repeat(np.pad(gray, ((0, height - len(gray)), (0, width - gray.shape[1])), "edge")[..., None], 3, axis=2)


def disc(x: float, y: float, *, height: int = 360, width: int = 640, radius: float = 0.12) -> Picture:
    """A red disc on grey, its middle and radius in picture sizes."""
    picture = np.full((height, width, 3), 128, np.uint8)
    cv2.circle(picture, (round(x * width), round(y * height)), round(radius * height), (210, 40, 40), -1)
    return picture


def placed(portrait: Picture, x: float, y: float, *, height: int = 720, width: int = 1280, face: float = 0.2) -> Picture:
    """The portrait on a plain canvas, its eyes at x, y and its face `face` high, in picture sizes."""
    scale = face * height / (CHIN - EYES[1]) / 1.6
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((height, width, 3), 170, np.uint8)
    left, top = round(x * width - EYES[0] * scale), round(y * height - EYES[1] * scale)
    low_x, low_y = max(0, left), max(0, top)
    high_x, high_y = min(width, left + small.shape[1]), min(height, top + small.shape[0])
    canvas[low_y:high_y, low_x:high_x] = small[low_y - top : high_y - top, low_x - left : high_x - left]
    return canvas


@pytest.fixture
def portrait(media: Media) -> Picture:
    loaded = cv2.imread(str(media(PORTRAIT)))
    assert loaded is not None
    return np.ascontiguousarray(loaded[..., ::-1]).astype(np.uint8, copy=False)


def person(x: float, y: float, size: float = 0.2, key: str = "face 1") -> Candidate:
    head = (x - size / 2, y - size / 2, size, size)
    return Candidate.make(
        "person", key, box=(x - 0.1, y - 0.1, 0.2, 0.6), score=0.9, size=size, head=head, focus=(x, y), yaw=0.0
    )


def shares(found: CompositionDetail) -> dict[tuple[str, str], float]:
    return {(one.what, one.zone): one.covered_share for one in found.safe_zone_conflicts}


# Whole pictures


@pytest.mark.parametrize(("axis", "name"), [(1, "symmetry"), (0, "vertical_symmetry")])
def test_mirrored_halves_are_symmetric(axis: int, name: str) -> None:
    half = noise_picture(180, 160) if axis else noise_picture(90, 320)
    whole = np.concatenate([half, np.flip(half, axis)], axis=axis)
    measures = layout_of(whole)
    assert getattr(measures, name) > 0.98
    noisy = np.clip(whole + np.random.default_rng(0).normal(0, 6, whole.shape), 0, 255).astype(np.uint8)
    assert getattr(layout_of(noisy), name) > 0.95  # as a phone's noise leaves it


def test_what_is_not_mirrored_is_not_symmetric() -> None:
    for seed in range(5):
        assert layout_of(noise_picture(seed=seed)).symmetry < 0.5
    ramp = np.tile(np.linspace(20, 235, 320).astype(np.uint8)[None, :, None], (180, 1, 3))
    measures = layout_of(ramp)
    assert measures.symmetry < 0.05
    assert measures.vertical_symmetry > 0.98


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_plain_picture_is_symmetric_and_balanced(level: int) -> None:
    measures = layout_of(np.full((90, 160, 3), level, np.uint8))
    assert measures.symmetry == pytest.approx(1.0)
    assert measures.saliency.center == pytest.approx((0.5, 0.5), abs=0.01)
    assert measures.saliency.region is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 3), (31, 33), (2000, 3)])
def test_tiny_and_thin_pictures_have_measures(shape: tuple[int, int]) -> None:
    measures = layout_of(np.random.default_rng(0).integers(0, 255, (*shape, 3)).astype(np.uint8))
    assert 0 <= measures.symmetry <= 1
    assert measures.focus.depth((0.2, 0.2, 0.5, 0.5)) in {"", "flat"}


def test_weight_lies_where_the_disc_is_and_mirrors() -> None:
    middles = []
    for x in (0.15, 0.5, 0.85):
        measures = layout_of(disc(x, 0.4))
        middles.append(measures.saliency.center)
        assert measures.saliency.region is not None
        truth = (x - 0.12 * 360 / 640, 0.4 - 0.12, 0.24 * 360 / 640, 0.24)
        # Measured in 64 pixels: one of them on every side.
        assert float(iou(np.array([measures.saliency.region]), np.array([truth]))[0, 0]) > 0.6
    (left, height), (middle, _), (right, _) = middles
    assert left + right == pytest.approx(1.0, abs=0.01)
    assert left < 0.25
    assert middle == pytest.approx(0.5, abs=0.01)
    assert height == pytest.approx(0.4, abs=0.03)


def test_several_things_are_no_subject() -> None:
    both = np.minimum(disc(0.25, 0.5), disc(0.75, 0.5))
    measures = layout_of(both)
    assert measures.saliency.region is None
    assert measures.saliency.center[0] == pytest.approx(0.5, abs=0.01)
    assert layout_of(noise_picture()).saliency.region is None


@pytest.mark.parametrize("side", [360, 720])
def test_depth_of_focus(side: int) -> None:
    sharp = texture(side, side)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), side / 90), np.uint8)
    box = (0.3, 0.25, 0.4, 0.6)
    low, high = (round(box[0] * side), round(box[1] * side)), (round(0.7 * side), round(0.85 * side))
    shallow = soft.copy()
    shallow[low[1] : high[1], low[0] : high[0]] = sharp[low[1] : high[1], low[0] : high[0]]
    plain = np.full_like(sharp, 120)
    plain[low[1] : high[1], low[0] : high[0]] = sharp[low[1] : high[1], low[0] : high[0]]
    assert layout_of(shallow).focus.depth(box) == "shallow_focus"
    assert layout_of(sharp).focus.depth(box) == "deep_focus"
    assert layout_of(plain).focus.depth(box) == "flat"
    # All of it out of focus is a bad picture and no depth.
    assert layout_of(soft).focus.depth(box) != "shallow_focus"


# A subject's place


def test_thirds_fall_from_the_power_point_to_the_middle() -> None:
    def score(x: float, y: float) -> float:
        return Framing.of([person(x, y)], Bars()).rule_of_thirds

    for x, y in ((1 / 3, 1 / 3), (2 / 3, 1 / 3), (1 / 3, 2 / 3), (2 / 3, 2 / 3)):
        assert score(x, y) == pytest.approx(1.0, abs=1e-3)
    assert score(0.5, 0.5) == pytest.approx(0.0, abs=1e-3)
    assert score(0.5, 1 / 3) == pytest.approx(1 - 2**-0.5, abs=1e-3)  # on a line, between two points
    way = [score(at, at) for at in np.linspace(1 / 3, 0.5, 8)]
    assert all(after < before for before, after in pairwise(way))


@pytest.mark.parametrize(("x", "word", "other"), [(0.2, "left", "right"), (0.38, "left", "right"), (0.46, "center", "center")])
def test_a_mirrored_subject_stands_on_the_other_side(x: float, word: str, other: str) -> None:
    here, there = Framing.of([person(x, 0.3)], Bars()), Framing.of([person(1 - x, 0.3)], Bars())
    assert (here.position, there.position) == (word, other)
    assert here.rule_of_thirds == pytest.approx(there.rule_of_thirds, abs=1e-4)
    assert here.headroom == pytest.approx(there.headroom)


def test_bars_are_not_the_picture() -> None:
    # The upper left power point of a 16:9 film within a 9:16 clip.
    bars = Bars(top=0.34, bottom=0.34)
    framing = Framing.of([person(1 / 3, 0.34 + 0.32 / 3, size=0.08)], bars)
    assert framing.rule_of_thirds > 0.99
    assert framing.headroom == pytest.approx(1 / 3 - 0.04 / 0.32, abs=0.01)


def test_look_room_is_in_front_of_the_face() -> None:
    numbers = person(0.3, 0.4).numbers.copy()
    numbers[10] = 40.0  # to the right
    looks = Candidate("person", "face 1", "", 0.9, numbers)
    assert Framing.of([looks], Bars()).look_room == pytest.approx(0.6, abs=0.01)
    assert Framing.of([person(0.3, 0.4)], Bars()).look_room is None


def test_a_stretch_ends_where_the_subject_goes_elsewhere() -> None:
    def samples(places: list[float]) -> list[Sample]:
        return [Sample(at / 5, person(x, 0.4)) for at, x in enumerate(places)]

    jitter = np.random.default_rng(1).normal(0, 0.02, 50)
    assert divide(samples((0.35 + jitter).tolist()), 10.0) == [slice(0, 50)]
    assert divide(samples([0.3] * 25 + [0.7] * 25), 10.0) == [slice(0, 25), slice(25, 50)]
    # Three samples are 0.6 s: no composition of their own.
    assert divide(samples([0.3] * 25 + [0.7] * 3 + [0.3] * 22), 10.0) == [slice(0, 50)]
    walk = divide(samples(np.linspace(0.1, 0.9, 100).tolist()), 20.0)
    assert 3 <= len(walk) <= 8
    # What is not held at the start of a shot belongs to what follows.
    assert divide(samples([0.3] * 3 + [0.7] * 30), 6.6) == [slice(0, 33)]
    nobody = [*samples([0.3] * 20), *(Sample(4 + at / 5, None) for at in range(20))]
    assert divide(nobody, 8.0) == [slice(0, 20), slice(20, 40)]


# What an app covers


def test_times_within_spans_that_overlap() -> None:
    spans = _Spans([(5.0, 6.0), (1.0, 4.0), (2.0, 3.0)])
    assert [at for at in np.arange(0, 8, 0.5).tolist() if at in spans] == [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 5.0, 5.5]
    assert 1.0 not in _Spans([])


def test_zones_of_an_app_do_not_overlap() -> None:
    for app in ("tiktok", "reels", "shorts"):
        boxes = [np.array([box]) for zone, box in ZONES.items() if zone.startswith(app)]
        assert len(boxes) == 3
        assert max(float(iou(one, other)[0, 0]) for one, other in combinations(boxes, 2)) < 1e-9


@pytest.mark.parametrize("app", ["tiktok", "reels", "shorts"])
def test_what_is_under_the_button_column_is_covered(app: str) -> None:
    assert covered((0.9, 0.45, 0.09, 0.1))[f"{app}_right_rail"] == pytest.approx(1.0)
    assert covered((0.2, 0.9, 0.5, 0.05))[f"{app}_bottom_caption"] == pytest.approx(1.0)
    assert covered((0.2, 0.01, 0.5, 0.03))[f"{app}_top_bar"] == pytest.approx(1.0)
    assert not covered((0.2, 0.3, 0.5, 0.2))


def text_at(x: float, y: float, width: float, height: float, kind: str = "caption") -> Segment:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    polygon = TimedPolygon(points=[Point(x=px, y=py) for px, py in corners])
    return Segment(end_s=1.0, text=TextDetail(text="hello", kind=kind, polygons=[polygon]))


def test_texts_under_the_caption_are_told_and_signs_in_the_scene_are_not() -> None:
    low = text_at(0.1, 0.85, 0.5, 0.05)
    found = {(one.what, one.zone): one for one in conflicts(CompositionDetail(), [], [low], 9 / 16)}
    assert found["text", "tiktok_bottom_caption"].covered_share == pytest.approx(1.0)
    assert found["text", "tiktok_bottom_caption"].label == "hello"
    assert not conflicts(CompositionDetail(), [], [text_at(0.1, 0.4, 0.5, 0.05)], 9 / 16)
    assert not conflicts(CompositionDetail(), [], [text_at(0.1, 0.85, 0.5, 0.05, "scene_text")], 9 / 16)
    assert not conflicts(CompositionDetail(), [], [low], 16 / 9)


def test_a_subject_under_the_column_and_legs_under_the_caption() -> None:
    aside = CompositionDetail(subject_kind="object", subject_label="bottle", subject=Box(x=0.9, y=0.42, w=0.08, h=0.2))
    (tiktok,) = [one for one in conflicts(aside, [], [], 9 / 16) if one.zone == "tiktok_right_rail"]
    assert (tiktok.what, tiktok.label) == ("subject", "bottle")
    assert tiktok.covered_share == pytest.approx(1.0)
    # Who stands in the middle has legs under the caption, and that is no conflict.
    stands = CompositionDetail(subject_kind="person", subject=Box(x=0.3, y=0.2, w=0.4, h=0.75))
    assert not conflicts(stands, [Sample(0.0, person(0.5, 0.27), (person(0.5, 0.27),))], [], 9 / 16)


# Clips


@pytest.mark.parametrize(
    ("x", "y", "position", "thirds"), [(1 / 3, 1 / 3, "left", 1.0), (2 / 3, 1 / 3, "right", 1.0), (0.5, 0.5, "center", 0.0)]
)
def test_a_person_at_a_known_place(
    x: float, y: float, position: str, thirds: float, *, portrait: Picture, analyze: Analyze, make_clip: MakeClip
) -> None:
    picture = placed(portrait, x, y)
    result = analyze(make_clip(np.stack([picture] * 10), rate=10), NAME)
    (segment,) = result.segments
    found = segment.composition
    assert (found.subject_kind, found.people, found.aspect_use) == ("person", 1, "full")
    # The eyes are read off by eye within 3 pixels, the mesh finds them within 2 % of a face.
    assert (found.focus.x, found.focus.y) == (pytest.approx(x, abs=0.01), pytest.approx(y, abs=0.015))
    assert found.subject_position == position
    assert found.rule_of_thirds == pytest.approx(thirds, abs=0.08)
    assert found.eye_line == pytest.approx(y, abs=0.015)
    scale = 0.2 / (CHIN - EYES[1]) / 1.6
    # Hair differs: a tenth of a head either way.
    assert found.headroom == pytest.approx(y - (EYES[1] - CROWN) * scale, abs=0.1 * 0.2 * 1.3)
    assert (segment.start_s, segment.end_s) == (0.0, pytest.approx(1.0))
    assert result.summary.composition.dominant_subject_position == position


def test_a_mirrored_clip_mirrors_the_numbers(portrait: Picture, analyze: Analyze, make_clip: MakeClip) -> None:
    picture = placed(portrait, 0.3, 0.4)
    details = []
    for name, one in (("one.mp4", picture), ("two.mp4", np.ascontiguousarray(picture[:, ::-1]))):
        (segment,) = analyze(make_clip(np.stack([one] * 5), rate=5, name=name), NAME).segments
        details.append(segment.composition)
    here, there = details
    assert here.focus.x + there.focus.x == pytest.approx(1.0, abs=0.01)
    assert here.visual_center.x + there.visual_center.x == pytest.approx(1.0, abs=0.01)
    assert (here.power_point, there.power_point) == ("top_left", "top_right")
    for name in ("rule_of_thirds", "symmetry", "balance", "headroom", "subject_share"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), abs=0.05), name


def test_a_head_that_is_cut_off_has_no_headroom(portrait: Picture, analyze: Analyze, make_clip: MakeClip) -> None:
    (segment,) = analyze(make_clip(np.stack([placed(portrait, 0.5, 0.08, face=0.4)] * 5), rate=5), NAME).segments
    assert segment.composition.headroom == 0.0


def test_a_face_under_the_buttons(portrait: Picture, analyze: Analyze, make_clip: MakeClip) -> None:
    picture = placed(portrait, 0.93, 0.5, height=1280, width=720, face=0.06)
    (segment,) = analyze(make_clip(np.stack([picture] * 5), rate=5), NAME).segments
    found = shares(segment.composition)
    # The face is 0.07 of the width, all within TikTok's column of 0.13.
    assert found["face", "tiktok_right_rail"] > 0.7
    middle = placed(portrait, 0.5, 0.4, height=1280, width=720, face=0.06)
    (segment,) = analyze(make_clip(np.stack([middle] * 5), rate=5, name="middle.mp4"), NAME).segments
    assert not [key for key in shares(segment.composition) if key[0] == "face"]


def test_a_thing_that_stands_out_is_the_subject_where_nobody_is(analyze: Analyze, make_clip: MakeClip) -> None:
    (segment,) = analyze(make_clip(np.stack([disc(2 / 3, 2 / 3)] * 5), rate=5), NAME).segments
    found = segment.composition
    # A detector may take the disc for a ball.
    assert found.subject_kind in {"region", "object"}
    assert (found.focus.x, found.focus.y) == (pytest.approx(2 / 3, abs=0.02), pytest.approx(2 / 3, abs=0.03))
    assert found.rule_of_thirds > 0.85
    assert (found.subject_position, found.subject_vertical, found.power_point) == ("right", "bottom", "bottom_right")
    assert found.balance < 0.8
    assert not found.HasField("headroom")


def test_a_plain_clip_has_no_subject(analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(np.zeros((5, 90, 160, 3), np.uint8), rate=5), NAME)
    (segment,) = result.segments
    found = segment.composition
    assert (found.subject_kind, found.subject_position, found.aspect_use) == ("", "", "full")
    assert not found.HasField("rule_of_thirds")
    assert not result.summary.composition.HasField("rule_of_thirds")
    assert found.symmetry == pytest.approx(1.0)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize(
    ("bars", "word"), [((0.2, 0.0), "letterboxed"), ((0.0, 0.2), "pillarboxed"), ((0.1, 0.1), "windowboxed")]
)
def test_bars_say_how_the_frame_is_used(
    level: int, bars: tuple[float, float], word: str, *, analyze: Analyze, make_clip: MakeClip
) -> None:
    picture = noise_picture(360, 640)
    rows, columns = round(bars[0] * 360), round(bars[1] * 640)
    if rows:
        picture[:rows] = picture[-rows:] = level
    if columns:
        picture[:, :columns] = picture[:, -columns:] = level
    (segment,) = analyze(make_clip(np.stack([picture] * 5), rate=5), NAME).segments
    assert segment.composition.aspect_use == word


def test_another_place_is_another_segment(portrait: Picture, analyze: Analyze, make_clip: MakeClip) -> None:
    places = [0.3] * 15 + [float(x) for x in np.linspace(0.3, 0.7, 4)] + [0.7] * 15
    frames = np.stack([placed(portrait, x, 0.4, height=360, width=640, face=0.25) for x in places])
    segments = analyze(make_clip(frames, rate=5), NAME).segments
    assert [segment.composition.subject_position for segment in segments] == ["left", "right"]
    assert segments[0].end_s == segments[1].start_s == pytest.approx(3.3, abs=0.5)


def test_short_shots_have_segments(analyze: Analyze, make_clip: MakeClip) -> None:
    """Ten shots of 0.4 s each, of pictures that have nothing in common."""
    frames = np.concatenate([np.stack([noise_picture(seed=seed)] * 10) for seed in range(10)])
    segments = analyze(make_clip(frames, rate=25), NAME).segments
    assert [segment.start_s for segment in segments] == pytest.approx([0.4 * at for at in range(10)], abs=0.05)
