"""Pictures as they come in strangers' clips: every form gives an answer of every vision analyzer, and is decoded once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzerResult
from reelscope_runtime.contract import invalid_values
from support import pictures
from support.engine import Bench

SCENE = "pose/sam2_woman_dog.mp4"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def scene(shared_media: Path) -> list[pictures.Picture]:
    """One second of a woman and a dog, 320 x 180."""
    return [np.ascontiguousarray(picture[::4, ::4]) for picture in pictures.read(shared_media / SCENE, 30)]


Make = Callable[[Path, list[pictures.Picture]], Path]


def plain(level: int) -> Make:
    return lambda folder, scene: pictures.write(folder / "plain.mp4", [np.full_like(one, level) for one in scene])


def single_pixel(folder: Path, scene: list[pictures.Picture]) -> Path:
    shades = [np.full((1, 1, 3), 10 * number, np.uint8) for number in range(20)]
    return pictures.write(folder / "pixel.mkv", shades, codec="ffv1", pixel_format="bgr0", options={})


def very_large(folder: Path, scene: list[pictures.Picture]) -> Path:
    large = np.kron(scene[0], np.ones((24, 24, 1), np.uint8))
    return pictures.write(folder / "8k.mkv", [large, large[:, ::-1]], fps=2, codec="mjpeg", pixel_format="yuvj420p", options={})


def half_corrupt(folder: Path, scene: list[pictures.Picture]) -> Path:
    path = pictures.write(folder / "whole.mp4", scene * 3, options={"preset": "veryfast", "g": "10"})
    raw = bytearray(path.read_bytes())
    noise = np.random.default_rng(5)
    start = len(raw) // 4
    for position in noise.integers(start, start + len(raw) // 2, 400):
        raw[position] ^= 0xFF
    damaged = folder / "half_corrupt.mp4"
    damaged.write_bytes(raw)
    return damaged


FORMS: dict[str, Make] = {
    "black": plain(0),
    "white": plain(255),
    "1x1": single_pixel,
    "8K": very_large,
    "one frame": lambda folder, scene: pictures.write(folder / "one.mp4", scene[:1]),
    "1 fps": lambda folder, scene: pictures.write(folder / "slow.mp4", scene[::5], fps=1),
    "120 fps": lambda folder, scene: pictures.write(folder / "fast.mp4", scene * 4, fps=120),
    "rotated": lambda folder, scene: pictures.write(folder / "rotated.mp4", scene, rotation=90),
    "10-bit": lambda folder, scene: pictures.write(folder / "deep.mp4", scene, codec="libx265", pixel_format="yuv420p10le"),
    "alpha": lambda folder, scene: pictures.write(
        folder / "alpha.mov",
        [np.dstack([one, np.full(one.shape[:2], 128, np.uint8)]) for one in scene],
        codec="qtrle",
        pixel_format="argb",
        options={},
    ),
    "gaps": lambda folder, scene: pictures.write(
        folder / "gaps.mkv", scene * 2, times_s=np.cumsum(np.tile([*[0.033] * 10, 0.7, 3.0], 5)).tolist()
    ),
    "a slide every 3 s": lambda folder, scene: pictures.write(
        folder / "slides.mkv", scene[:8], times_s=(3.0 * np.arange(8)).tolist()
    ),
    "variable rate": lambda folder, scene: pictures.write(
        folder / "variable.mkv", scene, times_s=np.cumsum(np.tile([0.02, 0.2, 0.033], 10)).tolist()
    ),
}


def answers(vision: Bench, path: Path) -> dict[str, AnalyzerResult]:
    results = vision.analyze(path)
    assert set(results) == set(vision.catalog.analyzers)
    for name, result in results.items():
        assert not list(invalid_values(result)), name
        for segment in result.segments:
            assert 0 <= segment.start_s <= segment.end_s, name
    return results


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_every_answer(form: str, vision: Bench, scene: list[pictures.Picture], tmp_path: Path) -> None:
    for name, result in answers(vision, FORMS[form](tmp_path, scene)).items():
        assert result.status in {"succeeded", "not_applicable"}, f"{name}: {result.problem}"
        assert result.coverage == pytest.approx(1.0), name


def test_half_of_a_clip_is_damaged(vision: Bench, scene: list[pictures.Picture], tmp_path: Path) -> None:
    for name, result in answers(vision, half_corrupt(tmp_path, scene)).items():
        assert result.status in {"succeeded", "not_applicable"}, f"{name}: {result.problem}"
        assert result.coverage > 0.2, name


def test_nobody_is_seen_in_nothing(vision: Bench, scene: list[pictures.Picture], tmp_path: Path) -> None:
    results = answers(vision, plain(0)(tmp_path, scene))
    people = ("object_detection", "face_detection", "age_estimation", "eye_tracking", "face_emotion", "body_pose")
    assert {name: len(results[name].segments) for name in people} == dict.fromkeys(people, 0)


def test_all_analyzers_together_decode_each_frame_once(vision: Bench, scene: list[pictures.Picture], tmp_path: Path) -> None:
    path = pictures.write(tmp_path / "scene.mp4", scene)
    decoders = {
        (node.node, node.items)
        for result in vision.analyze(path).values()
        for node in result.timing.nodes
        if node.node == "decoder"
    }
    assert decoders == {("decoder", len(scene))}


def test_each_size_of_the_pictures_is_made_once(vision: Bench) -> None:
    """Two sizes that are nearly one would scale the same picture twice; at how many rates one is wanted costs nothing."""
    nodes = vision.catalog.closure(vision.catalog.analyzers)
    specs = [node.frames for node in nodes if node.frames is not None]
    sizes = {(spec.width, spec.height, spec.fit): spec.width * spec.height for spec in specs}
    assert len(sizes) == 6, "those for shots, colours, objects, texts and native quality, and one for all others"
    ordered = sorted(sizes.values())
    assert all(larger >= 2 * smaller for smaller, larger in pairwise(ordered)), sizes
