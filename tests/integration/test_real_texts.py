"""Texts of the shared pictures and clips, as SOURCES.tsv has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from reelscope.analysis.v1.analysis_pb2 import Segment
from reelscope_vision.features import text_lines
from reelscope_vision.nets.text_detection import Net, TextBox, find_text
from support.engine import Bench
from support.pictures import Picture

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "media"
ENGLISH = "To facilitate the shot type analysis in videos, we collect MovieShots, a large-scale"
POSTER = [
    "正品促销",
    "大桶装更划算",
    "强力去污符合国标",
    "5.8",
    "10.0起",
    "10.0起",
    "极速发货",
    "冰点标准",
    "破损就赔",
    "假一赔十",
]
WHOLES_A_SECOND = 1.0
"""Whole pictures in which text is looked for, at most: one in two seconds, and where strokes appear."""

PLAIN = sorted(path for folder in ("talking", "pose", "emotion_face") for path in (CLIPS / folder).glob("*.m*"))


def read(vision: Bench, path: Path) -> list[Segment]:
    result = vision.analyze_once(path, "text_overlay")["text_overlay"]
    assert result.status == "succeeded", result.problem
    return list(result.segments)


def error_rate(truth: str, segments: Sequence[Segment]) -> float:
    """Character errors of the line that is nearest, spaces aside."""
    wanted = truth.replace(" ", "")
    return min(Levenshtein.distance(wanted, one.text.text.replace(" ", "")) for one in segments) / len(wanted)


def test_a_line_in_latin_script(vision: Bench, shared_media: Path) -> None:
    assert error_rate(ENGLISH, read(vision, shared_media / "text" / "rapidocr_en_rec.jpg")) <= 0.02


def test_a_chinese_poster(vision: Bench, shared_media: Path) -> None:
    segments = read(vision, shared_media / "text" / "rapidocr_ch_en_num.jpg")
    assert 17 <= len(segments) <= 18
    assert all(error_rate(line, segments) <= 0.1 for line in POSTER)


def test_a_picture_that_is_turned_by_its_exif(vision: Bench, shared_media: Path) -> None:
    (one,) = read(vision, shared_media / "text" / "rapidocr_img_exif_orientation.jpg")
    assert (one.text.text, one.text.language) == ("我是中国人", "zh")


def test_nothing_is_read_into_black_or_into_letters_that_are_not_known(vision: Bench, shared_media: Path) -> None:
    """The bundled network knows no Arabic letters: it must say nothing rather than something else."""
    for name in ("rapidocr_empty_black.jpg", "rapidocr_arabic.png"):
        assert not read(vision, shared_media / "text" / name)


def test_a_title_over_a_test_card(vision: Bench, shared_media: Path) -> None:
    """The title crosses a running clock and turning discs: no single picture shows all of it."""
    segments = read(vision, shared_media / "text" / "moviepy_result_title.mp4")
    assert error_rate("My Holidays 2013", segments) <= 0.1
    assert error_rate("1024 x 768 25 fps Photo JPEG 75%", segments) == 0.0
    (card,) = [one for one in segments if "1024" in one.text.text]
    assert (card.text.first_frame, card.text.last_frame) == (0, 249)


def test_every_value_of_a_counter(vision: Bench, shared_media: Path) -> None:
    segments = read(vision, shared_media / "cuts" / "psd_counter.mp4")
    stamps = [f"PTS = {number / 10:.1f}s" for number in range(30)]
    assert np.mean([error_rate(stamp, segments) for stamp in stamps]) <= 0.02
    for number in range(1, 31):
        shown = [one for one in segments if one.text.text.replace(" ", "") == f"Frame={number}"]
        assert len(shown) == 1, number
        assert abs(shown[0].text.first_frame - (number - 1)) <= 2
        assert abs(shown[0].text.last_frame - (number - 1)) <= 2


def test_a_mark_that_stays_through_cuts(vision: Bench, shared_media: Path) -> None:
    segments = read(vision, shared_media / "cuts" / "psd_testvideo.mp4")
    assert {one.text.kind for one in segments} == {"watermark"}
    assert [error_rate(text, segments) <= 0.05 for text in ("Copyright © 2013 Brandon Castellano", "www.bcastell.com")] == [
        True
    ] * 2
    assert len(segments) == 2


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_no_text_where_there_is_none(path: Path, vision: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it looked for more than so often: the detector costs more than all the rest."""
    searched: list[float] = []

    def find(net: Net, picture: Picture, longest: int) -> list[TextBox]:
        searched.append(picture.shape[0] * picture.shape[1])
        return find_text(net, picture, longest)

    monkeypatch.setattr(text_lines, "find_text", find)
    result = vision.analyze(path, "text_overlay")["text_overlay"]
    assert not [one.text.text for one in result.segments]
    whole = searched[0]  # the first picture is searched as it is
    with av.open(str(path)) as container:
        seconds = (container.duration or 0) / av.time_base
    assert sum(searched) / whole <= 1 + WHOLES_A_SECOND * seconds, len(searched)
