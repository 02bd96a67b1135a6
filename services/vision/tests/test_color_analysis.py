"""Made palettes and shared clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.vision.v1.details_pb2 import ColorDetail
from reelscope_vision.color.description import describe, harmony
from reelscope_vision.color.histogram import ColorHistogram
from reelscope_vision.color.oklab import from_hex
from reelscope_vision.color.palette import Swatch

if TYPE_CHECKING:
    from conftest import Analyze, DeltaE, MakeClip


def stripes(colors: dict[str, float], *, width: int = 320, height: int = 180) -> NDArray[np.uint8]:
    """Vertical stripes of given shares."""
    frame = np.zeros((height, width, 3), np.uint8)
    edge = 0.0
    for text, share in colors.items():
        left, edge = edge, edge + share
        frame[:, round(left * width) : round(edge * width)] = np.frombuffer(bytes.fromhex(text[1:]), np.uint8)
    return frame


def hold(frame: NDArray[np.uint8], seconds: float, rate: int = 25) -> NDArray[np.uint8]:
    return np.repeat(frame[None], round(seconds * rate), axis=0)


PALETTES: list[dict[str, float]] = [
    {"#c83c28": 0.5, "#1e50a0": 0.3, "#f0e6c8": 0.2},
    {"#f0a030": 0.4, "#206070": 0.35, "#101018": 0.15, "#e8e8e8": 0.1},
    {"#2d7a3a": 0.30, "#e85d9a": 0.25, "#6040c0": 0.20, "#f4d03f": 0.15, "#5dade2": 0.06, "#ffffff": 0.04},
    {"#808080": 0.6, "#404040": 0.4},
    # Flat colours that lie close: 0.04 to 0.06 apart in OKLab.
    {"#1e50a0": 0.4, "#2f66b4": 0.35, "#c83c28": 0.25},
    {"#3c7a50": 0.3, "#4c8a60": 0.3, "#7a3c66": 0.2, "#8c4a78": 0.2},
]


@pytest.mark.parametrize("colors", PALETTES)
def test_made_palettes(colors: dict[str, float], analyze: Analyze, make_clip: MakeClip, delta_e: DeltaE) -> None:
    result = analyze(make_clip(hold(stripes(colors), 1.2)), "color_analysis")
    (segment,) = result.segments
    found = segment.color.palette
    assert len(found) == len(colors)
    assert sum(one.share for one in found) == pytest.approx(1.0, abs=1e-4)
    assert [one.share for one in found] == sorted((one.share for one in found), reverse=True)
    for text, share in colors.items():
        nearest = min(found, key=lambda one: delta_e(one.hex, text))
        assert delta_e(nearest.hex, text) <= 3
        assert nearest.share == pytest.approx(share, abs=0.03)


def test_a_palette_with_too_little_room_invents_no_colour(analyze: Analyze, make_clip: MakeClip, delta_e: DeltaE) -> None:
    """Colour bars: more colours than are told."""
    bars = ("#ff0000", "#0000ff", "#ffff00", "#00ffff", "#00ff00", "#ff00ff", "#000000", "#ffffff")
    result = analyze(make_clip(hold(stripes(dict.fromkeys(bars, 1 / 8)), 1.0)), "color_analysis")
    found = result.segments[0].color.palette
    assert len(found) == 6
    assert sum(one.share for one in found) == pytest.approx(1.0, abs=1e-4)
    for one in found:
        assert min(delta_e(one.hex, bar) for bar in bars) <= 3, one.hex


def test_one_segment_per_shot_and_a_summary_weighted_by_time(analyze: Analyze, make_clip: MakeClip, delta_e: DeltaE) -> None:
    first, second = {"#c83c28": 0.7, "#f0e6c8": 0.3}, {"#1e50a0": 0.6, "#101018": 0.4}
    clip = make_clip(np.concatenate([hold(stripes(first), 3.0), hold(stripes(second), 1.0)]))
    result = analyze(clip, "color_analysis")
    assert [(segment.start_s, segment.end_s) for segment in result.segments] == [
        (0.0, pytest.approx(3.0, abs=0.05)),
        (pytest.approx(3.0, abs=0.05), pytest.approx(4.0, abs=0.05)),
    ]
    assert [segment.color.temperature for segment in result.segments] == ["warm", "cool"]
    for segment, colors in zip(result.segments, (first, second), strict=True):
        for one in segment.color.palette:
            assert min(delta_e(one.hex, text) for text in colors) <= 3
    shares = {one.hex: one.share for one in result.summary.color.palette}
    for text, share in {"#c83c28": 0.525, "#f0e6c8": 0.225, "#1e50a0": 0.15, "#101018": 0.10}.items():
        nearest = min(shares, key=lambda one: delta_e(one, text))
        assert shares[nearest] == pytest.approx(share, abs=0.03)


def described(colors: dict[str, float]) -> ColorDetail:
    histogram = ColorHistogram()
    histogram.add(stripes(colors))
    found = describe(histogram)
    return ColorDetail(
        temperature=found.temperature,
        warmth=found.warmth,
        saturation=found.saturation,
        brightness=found.brightness,
        contrast=found.contrast,
        harmony=found.harmony,
        grade=found.grade,
        mood_hex=found.mood_hex,
    )


@pytest.mark.parametrize(
    ("colors", "grade"),
    [
        ({"#202020": 0.5, "#d0d0d0": 0.5}, "monochrome"),
        ({"#f4f0f8": 0.8, "#e0e8f8": 0.2}, "high_key"),
        ({"#0c1018": 0.8, "#302820": 0.2}, "low_key"),
        ({"#1f5a66": 0.5, "#e09050": 0.4, "#202020": 0.1}, "teal_orange"),
        ({"#e01030": 0.5, "#10a040": 0.5}, "vivid"),
        ({"#8a8580": 0.6, "#70787c": 0.4}, "muted"),
    ],
)
def test_grades(colors: dict[str, float], grade: str) -> None:
    assert described(colors).grade == grade


@pytest.mark.parametrize(
    ("colors", "scheme"),
    [
        (("#202020", "#808080", "#f0f0f0"), "achromatic"),
        (("#1e50a0", "#6080c0", "#a0b4e0"), "monochromatic"),
        (("#e03020", "#e08020", "#e0c020"), "analogous"),
        (("#ff8c00", "#0078ff"), "complementary"),
        (("#e02020", "#20b040", "#3040e0"), "triadic"),
        (("#e02020", "#e0d020", "#20a0e0", "#9020c0"), "mixed"),
    ],
)
def test_harmonies(colors: tuple[str, ...], scheme: str) -> None:
    assert harmony([Swatch(from_hex(text), 1 / len(colors)) for text in colors]) == scheme


def test_measures_of_black_white_and_both() -> None:
    both = described({"#000000": 0.5, "#ffffff": 0.5})
    assert both.brightness == pytest.approx(0.5, abs=0.01)
    assert both.contrast == pytest.approx(1.0, abs=0.01)
    assert both.saturation == pytest.approx(0.0, abs=0.001)
    assert both.temperature == "neutral"
    assert described({"#000000": 1.0}).mood_hex == "#000000"
    assert described({"#ffffff": 1.0}).mood_hex == "#ffffff"


def test_a_small_chromatic_area_sets_the_mood(delta_e: DeltaE) -> None:
    assert delta_e(described({"#707070": 0.9, "#d01020": 0.1}).mood_hex, "#d01020") <= 3


def test_memory_does_not_grow_with_the_length_of_a_shot() -> None:
    histogram = ColorHistogram()
    rng = np.random.default_rng(0)
    sizes = []
    for _ in range(30):
        histogram.add(rng.integers(0, 256, (54, 96, 3), dtype=np.uint8))
        sizes.append(sum(array.nbytes for array in (histogram._weight, histogram._sums, histogram._lightness)))
    assert len(set(sizes)) == 1


def test_plain_pixel_clip(analyze: Analyze, media: Callable[[str], Path], delta_e: DeltaE) -> None:
    """One pixel: red, green, blue, black, white, a second each."""
    result = analyze(media("malformed_and_codecs/moviepy_bitmap.mp4"), "color_analysis")
    found = [one.hex for one in result.summary.color.palette]
    for text in ("#ff0000", "#00ff00", "#0000ff", "#000000", "#ffffff"):
        assert min(delta_e(one, text) for one in found) <= 3
    assert [one.share for one in result.summary.color.palette] == pytest.approx([0.2] * 5, abs=0.03)


def test_one_frame(analyze: Analyze, media: Callable[[str], Path]) -> None:
    (segment,) = analyze(media("malformed_and_codecs/mp4parse_tiny_av1.mp4"), "color_analysis").segments
    assert 1 <= len(segment.color.palette) <= 6


def test_the_last_shot_lasts_to_the_end(analyze: Analyze, make_clip: MakeClip) -> None:
    """Four pictures a second of a clip of 30 are 7 or 8 frames apart."""
    frames = hold(stripes({"#c03020": 0.5, "#2040a0": 0.5}), 2.0, 30)
    (segment,) = analyze(make_clip(frames, rate=30), "color_analysis").segments
    assert segment.end_s == pytest.approx(2.0, abs=1e-3)
