"""Measures of quality on pictures whose flaws are made, and segments of made clips."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_vision.analyzers.content_quality import _stretches
from reelscope_vision.features.picture_quality import measured
from reelscope_vision.quality.bars import bars
from reelscope_vision.quality.measures import Exposure, blocks, exposure, noise
from reelscope_vision.quality.score import Measures, overall
from reelscope_vision.quality.steadiness import Jitter

if TYPE_CHECKING:
    from conftest import Analyze, MakeClip

Luma = NDArray[np.uint8]
Picture = NDArray[np.uint8]


def chart(height: int = 360, width: int = 640) -> Picture:
    """Grey patches with sharp edges on a soft gradient."""
    rng = np.random.default_rng(11)
    picture = np.tile(np.linspace(70, 170, width), (height, 1))
    for _ in range(60):
        top, left = rng.integers(0, height - 40), rng.integers(0, width - 60)
        picture[top : top + rng.integers(12, 40), left : left + rng.integers(12, 60)] = rng.integers(40, 220)
    return np.repeat(picture.astype(np.uint8)[..., None], 3, axis=2)


def gray(picture: Picture) -> Luma:
    return np.ascontiguousarray(picture[..., 1])


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0, 8.0, 16.0])
def test_noise_is_measured_in_grey_levels(sigma: float) -> None:
    levels = chart().astype(float) + np.random.default_rng(1).normal(0, sigma, chart().shape[:2])[..., None]
    # The flattest fifth of the cells is a little below the mean; clipping takes some of strong noise.
    assert noise(gray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))) == pytest.approx(sigma, rel=0.15)


def test_texture_is_no_noise() -> None:
    picture = chart()
    stripes = (np.arange(picture.shape[1]) // 3 % 2 * 60).astype(np.uint8)
    picture[:200] = picture[:200] // 2 + stripes[None, :, None]
    assert noise(gray(picture)) < 0.5


@pytest.mark.parametrize("shift", [(0, 0), (3, 5), (7, 1)])
def test_blocks_are_found_wherever_the_grid_begins(shift: tuple[int, int]) -> None:
    noisy = np.clip(chart().astype(float) + np.random.default_rng(2).normal(0, 6, chart().shape), 0, 255).astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 8])[1], cv2.IMREAD_COLOR)
    grid = blocks(np.ascontiguousarray(gray(coded)[shift[0] :, shift[1] :]))
    assert grid.strength > 0.3
    assert (grid.row, grid.column) == ((7 - shift[0]) % 8, (7 - shift[1]) % 8)
    assert blocks(gray(noisy)).strength < 0.1


def test_exposure_counts_clipped_pixels() -> None:
    luma = np.full((100, 100), 128, np.uint8)
    luma[:20], luma[90:] = 3, 254
    assert exposure(luma) == Exposure(under=pytest.approx(0.2), over=pytest.approx(0.1), contrast=251 / 255, peak=254 / 255)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_sharpness_is_the_slope_of_an_edge(sigma: float) -> None:
    edge = np.zeros((200, 200), np.float32)
    edge[:, 100:] = 1
    picture = (60 + 130 * cv2.GaussianBlur(edge, (0, 0), sigma)).astype(np.uint8)
    found = measured(np.repeat(picture[..., None], 3, axis=2)).measures.sharpness
    # The step across the middle of a Gaussian edge is 0.4 / sigma of its height; the steepest windows hold half of it or more.
    assert found is not None
    assert 0.4 / sigma <= found <= 1.0 / sigma


def test_a_plain_picture_has_no_sharpness() -> None:
    found = measured(np.full((240, 320, 3), 120, np.uint8))
    assert found.measures.sharpness is None
    assert found.overall > 0


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"), [(60, 60, 0, 0), (0, 0, 80, 100), (140, 90, 0, 0), (30, 30, 64, 64), (0, 0, 0, 0)]
)
def test_bars(top: int, bottom: int, left: int, right: int) -> None:
    picture = cv2.copyMakeBorder(chart(), top, bottom, left, right, cv2.BORDER_CONSTANT, value=(2, 2, 2))
    found = bars(gray(picture))
    height, width = picture.shape[:2]
    assert (found.top, found.bottom) == (pytest.approx(top / height), pytest.approx(bottom / height))
    assert (found.left, found.right) == (pytest.approx(left / width), pytest.approx(right / width))
    # What is between the bars is judged, not they: nothing of it is crushed.
    assert measured(picture).measures.exposure.under < 0.01


def test_darkness_is_no_bar() -> None:
    night = chart() // 12
    night[-80:] = chart()[-80:]
    fading = (chart() * np.linspace(0, 1, 360)[:, None, None] ** 3).astype(np.uint8)
    empty = np.zeros((360, 640, 3), np.uint8)
    empty[340:350, 20:60] = 200
    for picture in (night, fading, empty, np.zeros((360, 640, 3), np.uint8)):
        found = bars(gray(picture))
        assert max(found.top, found.bottom, found.left, found.right) == 0


def test_every_flaw_alone_lowers_the_score() -> None:
    good = Measures(0.8, 0.5, 0.02, Exposure(under=0.0, over=0.0, contrast=0.7, peak=0.95))
    grades = {
        "sharpness": [Measures(value, 0.5, 0.02, good.exposure) for value in (0.8, 0.6, 0.3, 0.1, 0.05)],
        "noise": [Measures(0.8, value, 0.02, good.exposure) for value in (0.5, 2, 5, 10, 30)],
        "blockiness": [Measures(0.8, 0.5, value, good.exposure) for value in (0.02, 0.1, 0.3, 0.6)],
        "under": [Measures(0.8, 0.5, 0.02, Exposure(value, 0.0, 0.7, 0.95)) for value in (0, 0.1, 0.4, 0.8, 1.0)],
        "over": [Measures(0.8, 0.5, 0.02, Exposure(0.0, value, 0.7, 0.95)) for value in (0, 0.1, 0.4, 0.8, 1.0)],
        "contrast": [Measures(0.8, 0.5, 0.02, Exposure(0.0, 0.0, value, 0.95)) for value in (0.44, 0.3, 0.1, 0.0)],
        "peak": [Measures(0.8, 0.5, 0.02, Exposure(0.0, 0.0, 0.7, value)) for value in (0.72, 0.5, 0.2)],
    }
    for name, measures in grades.items():
        scores = [overall(one) for one in measures]
        assert all(0 <= score <= 100 for score in scores)
        assert all(after < before for before, after in pairwise(scores)), name


def test_stability_falls_with_shake() -> None:
    assert Jitter(0.0, 2).stability is None
    shaken = [Jitter(20 * size**2, 20).stability or 0.0 for size in (0.0, 0.001, 0.004, 0.02)]
    assert shaken[0] == 1.0
    assert shaken[2] == pytest.approx(0.5)
    assert shaken == sorted(shaken, reverse=True)


def test_a_shot_that_gets_blurred_is_two_segments(analyze: Analyze, make_clip: MakeClip) -> None:
    sharp = chart()
    frames = [sharp] * 50 + [cv2.GaussianBlur(sharp, (0, 0), 9)] * 50
    result = analyze(make_clip(np.stack(frames), rate=10, crf=10), "content_quality")
    first, second = result.segments
    # One picture a second is looked at.
    assert first.end_s == second.start_s == pytest.approx(5.0, abs=1.0)
    assert (first.start_s, second.end_s) == (0.0, pytest.approx(10.0, abs=0.05))
    assert second.quality.sharpness < 0.2 < first.quality.sharpness
    assert second.quality.overall < first.quality.overall - 15
    summary = result.summary.quality
    assert second.quality.overall < summary.overall < first.quality.overall
    assert (summary.width, summary.height, summary.frame_rate) == (640, 360, 10.0)
    assert summary.bits_per_pixel == pytest.approx(summary.bit_rate / (640 * 360 * 10), rel=1e-3)
    assert not summary.letterbox


def test_one_blurred_moment_is_no_segment(analyze: Analyze, make_clip: MakeClip) -> None:
    sharp = chart()
    frames = [sharp] * 30 + [cv2.GaussianBlur(sharp, (0, 0), 9)] * 2 + [sharp] * 30
    result = analyze(make_clip(np.stack(frames), rate=10, crf=10), "content_quality")
    assert len(result.segments) == 1


def test_a_new_picture_is_compared_with_the_last_ones_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    median = np.median

    def counted(values: list[float]) -> float:
        sizes.append(len(values))
        return float(median(values))

    monkeypatch.setattr(np, "median", counted)
    scores = [80.0] * 1000 + [50.0] * 1000
    scores[500] = 10.0  # a blink
    assert _stretches(scores) == [(0, 1000), (1000, 2000)]
    assert max(sizes) < 200


def test_a_letterboxed_clip(analyze: Analyze, make_clip: MakeClip) -> None:
    picture = cv2.copyMakeBorder(chart(), 100, 100, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    result = analyze(make_clip(np.stack([picture] * 30)), "content_quality")
    quality = result.summary.quality
    assert quality.letterbox
    assert result.segments[0].quality.letterbox
    assert (quality.bars.top, quality.bars.bottom) == (pytest.approx(100 / 560, abs=0.01), pytest.approx(100 / 560, abs=0.01))
    assert (quality.bars.left, quality.bars.right) == (0.0, 0.0)


def test_a_shaken_clip_is_less_stable(analyze: Analyze, make_clip: MakeClip) -> None:
    wide = chart(440, 760)
    rng = np.random.default_rng(4)
    offsets = {"still": np.zeros((60, 2), int), "shaken": rng.integers(-18, 19, (60, 2))}
    stability = {}
    for name, moves in offsets.items():
        frames = [np.ascontiguousarray(wide[40 + y : 400 + y, 60 + x : 700 + x]) for y, x in moves]
        stability[name] = analyze(make_clip(np.stack(frames), name=f"{name}.mp4"), "content_quality").summary.quality.stability
    assert stability["still"] > 0.9
    assert stability["shaken"] < 0.5


def test_a_still_picture(analyze: Analyze, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), chart())
    result = analyze(path, "content_quality")
    (segment,) = result.segments
    assert segment.confidence == 1.0
    assert segment.quality.overall > 60
    assert not segment.quality.HasField("stability")
