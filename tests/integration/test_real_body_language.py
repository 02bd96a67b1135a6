"""Bearing and gestures of real people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reelscope.vision.v1.details_pb2 import BodyLanguageSummary
from support.engine import Bench, benches


@pytest.fixture(scope="module")
def vision(shared_media: Path) -> Iterator[Bench]:
    del shared_media
    with benches("vision") as made:
        yield made["vision"]


def told(vision: Bench, path: Path) -> BodyLanguageSummary:
    result = vision.analyze(path, "body_language")["body_language"]
    assert result.status == "succeeded", result.problem
    return result.summary.body


def test_who_talks_with_the_hands_gesticulates(vision: Bench, shared_media: Path) -> None:
    with_hands = told(vision, shared_media / "talking" / "latentsync_demo3_vertical.mp4")
    still = told(vision, shared_media / "talking" / "latentsync_demo1_vertical.mp4")
    assert with_hands.gesticulation_rate > 15
    assert with_hands.gesticulation_rate > 2 * still.gesticulation_rate


def test_speakers_face_the_camera(vision: Bench, shared_media: Path) -> None:
    for name in ("grid_bbaf2n.mpg", "grid_lwbsza.mpg", "latentsync_demo3_vertical.mp4"):
        shares = {one.label: one.score for one in told(vision, shared_media / "talking" / name).facing_shares}
        assert shares["camera"] >= 0.8, (name, shares)
