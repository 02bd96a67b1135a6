"""Texts on made clips: what they say, their exact first and last frames, and what kind they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from conftest import Analyze, MakeClip
from reelscope.analysis.v1.analysis_pb2 import Segment
from reelscope_vision.text.scripts import language_of, script_of

Frames = NDArray[np.uint8]
RATE = 25
WITHIN = 2
"""Frames, as promised."""


def footage(count: int, *, moving: bool = True, size: tuple[int, int] = (360, 640)) -> Frames:
    """A textured scene, panned over or still."""
    random = np.random.default_rng(2)
    wide = np.zeros((size[0], size[1] + 4 * count, 3), np.float32)
    for cells in (8, 30, 90):
        octave = random.normal(0, 1, (cells, 2 * cells, 3)).astype(np.float32)
        wide += cv2.resize(octave, wide.shape[1::-1], interpolation=cv2.INTER_CUBIC) * 14
    wide = np.clip(wide + 110, 0, 255).astype(np.uint8)
    return np.stack([wide[:, (4 * at if moving else 0) :][:, : size[1]] for at in range(count)])


def written(
    frames: Frames,
    text: str,
    span: tuple[int, int],
    *,
    at: tuple[float, float] = (0.5, 0.8),
    height: int = 34,
    color: tuple[int, int, int] = (255, 255, 255),
    box: bool = False,
) -> None:
    """Writes a line on the frames of a span, last one included; `at` is its middle in picture sizes."""
    font = ImageFont.load_default(height)
    x, y = at[0] * frames.shape[2], at[1] * frames.shape[1]
    for number in range(span[0], span[1] + 1):
        picture = Image.fromarray(frames[number])
        draw = ImageDraw.Draw(picture)
        if box:
            left, top, right, bottom = draw.textbbox((x, y), text, font, "mm")
            draw.rectangle((left - 8, top - 8, right + 8, bottom + 8), (20, 20, 20))
        draw.text((x, y), text, color, font, "mm", stroke_width=0 if box else 2, stroke_fill=(0, 0, 0))
        frames[number] = np.asarray(picture)


def texts(segments: Sequence[Segment]) -> list[str]:
    return [one.text.text for one in segments]


def check(segments: Sequence[Segment], text: str, span: tuple[int, int]) -> Segment:
    """The one segment with this text, on these frames."""
    (one,) = [segment for segment in segments if Levenshtein.normalized_similarity(segment.text.text, text) >= 0.9]
    assert abs(one.text.first_frame - span[0]) <= WITHIN, (one.text.first_frame, span)
    assert abs(one.text.last_frame - span[1]) <= WITHIN, (one.text.last_frame, span)
    assert one.start_s == pytest.approx(one.text.first_frame / RATE, abs=0.01)
    assert one.end_s == pytest.approx((one.text.last_frame + 1) / RATE, abs=0.01)
    return one


LOOKS: dict[str, dict[str, Any]] = {
    "white, outlined": {"at": (0.5, 0.8), "height": 34},
    "yellow, large": {"at": (0.4, 0.5), "height": 60, "color": (255, 230, 0)},
    "on a box": {"at": (0.5, 0.15), "height": 24, "box": True},
}


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("look", LOOKS)
def test_a_caption_from_its_first_to_its_last_frame(look: str, moving: bool, analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(75, moving=moving)
    written(frames, "wait for the end", (21, 58), **LOOKS[look])
    segments = analyze(make_clip(frames), "text_overlay").segments
    one = check(segments, "wait for the end", (21, 58))
    assert len(segments) == 1, texts(segments)
    assert one.text.style.vertical_third == ("top", "middle", "bottom")[int(LOOKS[look]["at"][1] * 3)]
    assert (one.text.script, one.text.language) == ("Latn", "en")
    shown = [int(one.text.style.color_hex[at : at + 2], 16) for at in (1, 3, 5)]
    assert np.abs(np.subtract(shown, LOOKS[look].get("color", (255, 255, 255)))).max() <= 30


def test_lines_that_follow_each_other_in_one_place(analyze: Analyze, make_clip: MakeClip) -> None:
    said = ["I never thought", "that this would work", "but here we are", "so try it at home"]
    frames = footage(110)
    for number, line in enumerate(said):
        written(frames, line, (5 + 26 * number, 28 + 26 * number), at=(0.5, 0.85), height=28)
    segments = analyze(make_clip(frames), "text_overlay").segments
    assert len(segments) == len(said), texts(segments)
    for number, line in enumerate(said):
        assert check(segments, line, (5 + 26 * number, 28 + 26 * number)).text.kind == "subtitle"


def test_words_that_pop_up_one_by_one(analyze: Analyze, make_clip: MakeClip) -> None:
    said = ["THIS", "IS", "REALLY", "HAPPENING", "RIGHT", "NOW"]
    frames = footage(80)
    for number, word in enumerate(said):
        written(frames, word, (10 + 10 * number, 19 + 10 * number), at=(0.5, 0.6), height=48)
    found = texts(analyze(make_clip(frames), "text_overlay").segments)
    assert [word for word in found if word in said] == said


def test_two_lines_and_a_mark_that_stays(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(100)
    written(frames, "@some.channel", (0, 99), at=(0.85, 0.06), height=20)
    written(frames, "three things", (30, 69), at=(0.5, 0.45), height=36)
    written(frames, "you should know", (30, 69), at=(0.5, 0.57), height=36)
    segments = analyze(make_clip(frames), "text_overlay").segments
    assert check(segments, "@some.channel", (0, 99)).text.kind == "watermark"
    first, second = check(segments, "three things", (30, 69)), check(segments, "you should know", (30, 69))
    assert first.text.reading_order < second.text.reading_order
    assert len(segments) == 3, texts(segments)


def test_text_behind_which_everything_moves_is_read_from_all_pictures(analyze: Analyze, make_clip: MakeClip) -> None:
    """White letters over bright bars that wander: no single picture shows them all."""
    frames = footage(75)
    for number, frame in enumerate(frames):
        for bar in range(4):
            left = (bar * 160 + 9 * number) % 680 - 40
            frame[130:230, max(0, left) : max(0, left + 40)] = 245
    written(frames, "summer in the city", (0, 74), at=(0.5, 0.5), height=44)
    (one,) = analyze(make_clip(frames), "text_overlay").segments
    assert Levenshtein.distance(one.text.text.replace(" ", ""), "summerinthecity") <= 1


def test_chinese_subtitles_line_by_line(analyze: Analyze, make_clip: MakeClip, media: Callable[[str], Path]) -> None:
    """Real lines of a poster, shown one after the other where subtitles are."""
    poster = cv2.imread(str(media("text/rapidocr_ch_en_num.jpg")))
    assert poster is not None
    lines = {"大桶装更划算": (slice(91, 129), slice(62, 260)), "强力去污符合国标": (slice(137, 170), slice(58, 264))}
    frames = footage(70)
    spans = {}
    for number, (text, place) in enumerate(lines.items()):
        cut = cv2.resize(poster[place][..., ::-1], None, fx=1.5, fy=1.5)
        spans[text] = (5 + 32 * number, 34 + 32 * number)
        left = (640 - cut.shape[1]) // 2
        frames[spans[text][0] : spans[text][1] + 1, 290 : 290 + cut.shape[0], left : left + cut.shape[1]] = cut
    segments = analyze(make_clip(frames), "text_overlay").segments
    for text, span in spans.items():
        one = check(segments, text, span)
        assert (one.text.text.replace(" ", ""), one.text.language) == (text, "zh")


def test_no_text_is_read_into_a_scene(analyze: Analyze, make_clip: MakeClip) -> None:
    result = analyze(make_clip(footage(60)), "text_overlay")
    assert not result.segments
    assert result.summary.text.screen_time_share == 0.0


@pytest.mark.parametrize(
    ("text", "script", "language"),
    [
        ("wait for the end of this", "Latn", "en"),
        ("das ist nicht der Weg", "Latn", "de"),
        ("pour vous et pour nous", "Latn", "fr"),
        ("no es la casa de mi padre", "Latn", "es"),
        ("WOW", "Latn", ""),
        ("你好世界", "Hani", "zh"),
        ("これはペンです", "Jpan", "ja"),
        ("12:30", "Zyyy", ""),
    ],
)
def test_scripts_and_languages(text: str, script: str, language: str) -> None:
    assert (script_of(text), language_of(text)) == (script, language)
