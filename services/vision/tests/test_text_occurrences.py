"""Texts from lines that are made up: what is kept of them, and how they are put together at the end of a clip."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_runtime.engine.node import NodeContext
from reelscope_runtime.media.items import Item
from reelscope_vision.analyzers.text_overlay import TextOverlay
from reelscope_vision.features.text_lines import FrameText
from reelscope_vision.nets.text_detection import TextBox
from reelscope_vision.nets.text_recognition import Reading
from reelscope_vision.text import joining
from reelscope_vision.text.belief import better
from reelscope_vision.text.line import Line, Look
from reelscope_vision.text.occurrence import Occurrence
from reelscope_vision.text.reader import Ended

RATE = 25


class Lines:
    """Tells a `TextOverlay` of lines, without a clip that has them, on a grey picture of 200x100."""

    def __init__(self) -> None:
        self.overlay = TextOverlay(NodeContext(MediaInfo(), AnalyzeOptions(), lambda _: None))
        self.picture = np.full((100, 200, 3), 90, np.uint8)
        self.told = 0

    def line(self, text: str, at_s: float, *, top: int = 70, confidence: float = 0.9) -> Line:
        """As it begins."""
        self.told += 1
        box = TextBox(np.array([[70, top], [130, top], [130, top + 8], [70, top + 8]], np.float32), 0.9)
        look, reading = Look(round(RATE * at_s), at_s), Reading(text, confidence)
        return Line.found(self.told, box, reading, picture=self.picture, absent=None, now=look)

    def tell(self, lines: Sequence[Line], end_s: float) -> None:
        """From its first look to the end there is one frame."""
        now = lines[0].first
        self.overlay.process(Item("frames", now.time_s, end_s, now.index, self.picture))
        ended = tuple(Ended(one, Look(round(RATE * end_s), end_s)) for one in lines)
        self.overlay.process(Item("text_lines", now.time_s, end_s, now.index, FrameText(tuple(lines), ended, 200, 100)))


def test_no_picture_of_a_line_that_is_gone_is_kept() -> None:
    """Not even of attempts at one text that were joined: a clip of hours has thousands of lines."""
    lines, pictures = Lines(), []
    before: Line | None = None
    for number, text in enumerate(("summer", "sumner", "summer")):
        one = lines.line(text, number / 2)
        assert before is None or one.takes_up(before)
        lines.tell([one], number / 2 + 0.5)
        pictures += [weakref.ref(picture) for picture in (one.darkest, one.brightest, one.clearest)]
        before = one
    del one, before
    assert [picture() is None for picture in pictures] == [True] * 9
    (segment,) = lines.overlay.flush()
    assert (segment.text.text, segment.start_s, segment.end_s) == ("summer", 0.0, 1.5)
    assert segment.text.style.background_hex == "#5a5a5a"


def test_a_text_is_compared_with_those_around_it_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two captions, one above the other, every half a second, for ten minutes."""
    calls: Counter[str] = Counter()

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Occurrence) -> Any:
            calls[name] += 1
            return call(*args)

        return count

    lines, moments = Lines(), 1200
    for number in range(moments):
        pair = [
            lines.line(f"{name} {number:04}", number / 2, top=top, confidence=1.0) for name, top in (("up", 66), ("to", 80))
        ]
        lines.tell(pair, number / 2 + 0.5)
    monkeypatch.setattr(joining, "_gap_s", counted("gap", joining._gap_s))
    for name in ("middle", "height"):
        monkeypatch.setattr(Occurrence, name, property(counted(name, getattr(Occurrence, name).fget)))
    segments = list(lines.overlay.flush())
    assert [one.text.reading_order for one in segments] == [0, 1] * moments
    assert {one.text.kind for one in segments} == {"subtitle"}
    assert max(calls.values()) <= 50 * len(segments), calls


def test_a_text_goes_on_in_another_that_has_grown_towards_it() -> None:
    """What was read for a moment as part of the longest one fills the time between the two."""
    lines = Lines()
    for text, top, (start_s, end_s) in (("summer", 40, (0.0, 9.7)), ("sum", 60, (9.7, 10.1)), ("summer", 60, (10.1, 25.0))):
        one = lines.line(text, start_s, top=top)
        if text == "sum":
            one.places[0][1][1:3, 0] = 100  # its right side
        lines.tell([one], end_s)
    (segment,) = lines.overlay.flush()
    assert (segment.text.text, segment.start_s, segment.end_s) == ("summer", 0.0, 25.0)


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        (Reading("Thephotographer", 1.0), Reading("The photographer", 0.97), "The photographer"),
        (Reading("The photographer", 0.97), Reading("Thephotographer", 1.0), "The photographer"),
        (Reading("The photographer", 0.8), Reading("Thephotographer", 1.0), "Thephotographer"),
        (Reading("The photographer", 0.97), Reading("The photograph", 0.99), "The photograph"),
    ],
)
def test_of_equal_letters_the_reading_with_more_spaces_is_kept(one: Reading, other: Reading, kept: str) -> None:
    assert better(one, other).text == kept
