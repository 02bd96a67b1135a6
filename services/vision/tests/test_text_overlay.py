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
from reelscope_vision.nets.text_detection import find_text
from reelscope_vision.nets.text_recognition import Reading
from reelscope_vision.text.appearing import NewStrokes
from reelscope_vision.text.belief import is_beside, is_character
from reelscope_vision.text.line import Look
from reelscope_vision.text.scene import Scene
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


@pytest.mark.parametrize("moving", [True, False])
def test_nothing_is_missed_that_is_there_for_half_a_second(moving: bool, analyze: Analyze, make_clip: MakeClip) -> None:
    """Each where no text was, and between two looks at the whole picture."""
    frames = footage(80, moving=moving)
    shown = {"boom": (8, 20, 0.3, 0.2), "surprise": (29, 41, 0.7, 0.8), "remember": (57, 69, 0.3, 0.55)}
    for text, (first, last, x, y) in shown.items():
        written(frames, text, (first, last), at=(x, y), height=26)
    segments = analyze(make_clip(frames), "text_overlay").segments
    for text, (first, last, _, _) in shown.items():
        check(segments, text, (first, last))
    assert len(segments) == len(shown), texts(segments)


def test_five_words_a_second_from_the_first_one_on(analyze: Analyze, make_clip: MakeClip) -> None:
    said = ["nobody", "told", "them", "about", "this", "small", "trick"]
    frames = footage(60)
    for number, word in enumerate(said):
        written(frames, word, (12 + 5 * number, 16 + 5 * number), at=(0.5, 0.5), height=44)
    segments = analyze(make_clip(frames), "text_overlay").segments
    assert texts(segments) == said
    for number, word in enumerate(said):
        check(segments, word, (12 + 5 * number, 16 + 5 * number))


def test_texts_beside_a_line_that_rests(analyze: Analyze, make_clip: MakeClip) -> None:
    """Nothing else changes: a search of the other line's surroundings is no reason not to look beside it."""
    frames = footage(60, moving=False)
    written(frames, "left side", (0, 59), at=(0.25, 0.5), height=30)
    written(frames, "right side", (22, 36), at=(0.75, 0.5), height=30)
    segments = analyze(make_clip(frames), "text_overlay").segments
    check(segments, "left side", (0, 59))
    check(segments, "right side", (22, 36))


def test_a_caption_soon_after_a_cut_and_over_the_next_one(analyze: Analyze, make_clip: MakeClip) -> None:
    """Its first frame is not the cut's, though all of the picture changes there."""
    frames = footage(90)
    frames[30:] = 255 - frames[30:]
    frames[60:] = frames[60:, ::-1]
    written(frames, "over a cut", (34, 75), at=(0.5, 0.7), height=30)
    check(analyze(make_clip(frames), "text_overlay").segments, "over a cut", (34, 75))


def test_a_caption_that_ends_just_before_the_clip(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(60)
    written(frames, "nearly over", (10, 54), height=36)
    check(analyze(make_clip(frames), "text_overlay").segments, "nearly over", (10, 54))


def test_a_caption_that_slides_in_is_one_from_its_first_frame(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(70)
    for number in range(8):
        written(frames, "coming in", (12 + number, 12 + number), at=(0.5 - 0.3 * (1 - number / 8) ** 2, 0.4), height=40)
    written(frames, "coming in", (20, 55), at=(0.5, 0.4), height=40)
    segments = analyze(make_clip(frames), "text_overlay").segments
    check(segments, "coming in", (12, 55))
    assert len(segments) == 1, texts(segments)


def test_a_line_that_is_typed_is_one(analyze: Analyze, make_clip: MakeClip) -> None:
    frames, text = footage(70), "typed out for you"
    bare = frames.copy()
    written(frames, text, (15, 60), height=36)
    for number in range(15, 35):  # uncovered from the left
        edge = 160 + 320 * (number - 14) // 20
        frames[number, :, edge:] = bare[number, :, edge:]
    (one,) = analyze(make_clip(frames), "text_overlay").segments
    assert one.text.text == text
    assert abs(one.text.first_frame - 15) <= 5  # the first letters that can be read
    assert abs(one.text.last_frame - 60) <= WITHIN


def test_a_line_that_rolls_up_goes_on(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(90)
    said = ["first we boil", "some fresh water"]
    written(frames, said[0], (5, 34), at=(0.5, 0.85), height=28)
    written(frames, said[0], (35, 64), at=(0.5, 0.74), height=28)
    written(frames, said[1], (35, 64), at=(0.5, 0.85), height=28)
    segments = analyze(make_clip(frames), "text_overlay").segments
    check(segments, said[0], (5, 64))
    check(segments, said[1], (35, 64))
    assert len(segments) == 2, texts(segments)


def test_a_caption_that_fades_in_over_a_panning_scene_was_not_there_before(analyze: Analyze, make_clip: MakeClip) -> None:
    """What is behind the line, and moves, must not be followed once the line is gone."""
    frames = footage(75)
    bare = frames.copy()
    written(frames, "episode four", (21, 58), at=(0.5, 0.45), height=44)
    for number in range(6):
        share = (number + 1) / 7
        for at in (21 + number, 58 - number):
            frames[at] = (bare[at] * (1 - share) + frames[at] * share).astype(np.uint8)
    check(analyze(make_clip(frames), "text_overlay").segments, "episode four", (21, 58))


def test_a_caption_that_ends_where_the_picture_freezes(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(80)
    frames[52:] = frames[51]
    written(frames, "and then it stops", (10, 51), height=36)
    check(analyze(make_clip(frames), "text_overlay").segments, "and then it stops", (10, 51))


def test_two_texts_that_fade_into_each_other_are_two(analyze: Analyze, make_clip: MakeClip) -> None:
    frames = footage(80)
    one, two = frames.copy(), frames.copy()
    written(one, "before the storm", (0, 79), at=(0.5, 0.5), height=40)
    written(two, "after the storm", (0, 79), at=(0.5, 0.5), height=40)
    for number in range(80):
        share = np.clip((number - 34) / 10, 0.0, 1.0)
        frames[number] = (one[number] * (1 - share) + two[number] * share).astype(np.uint8)
    segments = analyze(make_clip(frames), "text_overlay").segments
    assert texts(segments) == ["before the storm", "after the storm"]


@pytest.mark.parametrize(
    ("text", "confidence", "height", "is_one"),
    [
        ("3", 0.995, 0.4, True),
        ("3", 0.9, 0.1, False),
        ("n", 0.98, 0.2, False),
        ("I", 0.98, 0.05, True),
        ("no", 1.0, 0.05, False),
    ],
)
def test_single_characters(text: str, confidence: float, height: float, is_one: bool) -> None:
    """Digits may be of any size; a bent leg is read as a large "n"."""
    assert is_character(Reading(text, confidence), height) is is_one


def test_a_single_letter_goes_with_text_in_its_script() -> None:
    assert is_beside(Reading("I", 1.0), Reading("YOU", 1.0))
    assert not is_beside(Reading("刘", 1.0), Reading("boom", 1.0))


def test_new_strokes_are_told_from_what_moves() -> None:
    """Only where text is put on, and only until it was looked at."""
    frames = footage(40)
    written(frames, "put on", (12, 39), at=(0.3, 0.3), height=30)
    strokes = NewStrokes()
    found = [(number, strokes.look(cv2.cvtColor(frames[number], cv2.COLOR_RGB2GRAY))) for number in range(0, 40, 3)]
    assert not [number for number, areas in found if areas and number < 15]
    (area,) = dict(found)[15]
    left, top, right, bottom = area
    assert (left < 150, top < 95) == (True, True)
    assert (right > 234, bottom > 121) == (True, True)
    strokes.searched(area)
    assert not strokes.look(cv2.cvtColor(frames[39], cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("height", [12, 20, 48, 150, 260])
def test_strokes_of_small_and_of_very_large_letters_are_seen_at_once(height: int) -> None:
    """At the second picture that shows them: a word may be gone at the third. Plain letters, as thick as can be."""
    frames = footage(12)
    written(frames, "so" if height > 100 else "so what", (6, 11), at=(0.5, 0.5), height=height)
    strokes = NewStrokes()
    found = [bool(strokes.look(cv2.cvtColor(frames[number], cv2.COLOR_RGB2GRAY))) for number in (0, 3, 6, 9)]
    assert found == [False, False, False, True]


def test_a_finger_that_comes_to_rest_is_no_text() -> None:
    """It has two sides as strokes have, but farther apart."""
    frames = footage(10, moving=False)
    for number, frame in enumerate(frames):
        left = 300 + 30 * max(0, 3 - number)
        cv2.line(frame, (left, 80), (left + 15, 140), (20, 50, 45), 26, cv2.LINE_AA)
    strokes = NewStrokes()
    assert not any(strokes.look(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in frames)


@pytest.mark.parametrize(("by", "is_same"), [(0, True), (12, True), (13, False)])
def test_one_pixel_makes_another_picture(by: int, is_same: bool) -> None:
    gray = np.full((40, 60), 100, np.uint8)
    for sign in (1, -1):
        other = gray.copy()
        other[7, 9] = 100 + sign * by
        assert Scene(np.dstack([gray] * 3), gray, Look(0, 0.0), None).is_like(other) is is_same


def test_the_detector_is_fed_blue_green_red_from_minus_one_to_one() -> None:
    class Fake:
        def run(self, outputs: None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
            del outputs
            self.fed = feeds["x"]
            return [np.zeros((1, 1, *self.fed.shape[2:]), np.float32)]

    net, picture = Fake(), np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert not find_text(net, picture, 96)
    wanted = (picture[..., ::-1].astype(np.float32) - 127.5) / 127.5
    assert net.fed.dtype == np.float32
    assert net.fed.flags.c_contiguous
    assert np.array_equal(net.fed, wanted.transpose(2, 0, 1)[None])


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
