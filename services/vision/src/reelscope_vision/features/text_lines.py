"""Feature "text_lines": lines of text as they come and go."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace
from typing import Final

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, FrameSpec, Image, Item
from reelscope_vision.nets.text_detection import TextBox, find_text
from reelscope_vision.nets.text_recognition import Reading, characters, read_line
from reelscope_vision.text.line import Line, Look
from reelscope_vision.text.reader import Ended, TextReader

_DETECTION = "text_detection"
_RECOGNITION = "text_recognition"

SAMPLED: Final = FrameSpec(1280, 1280, fps=10.0)
"""Ten a second, so that captions that follow each other word by word are told apart; as large as small print needs."""

_SEARCHED: Final = 736
"""Pixels of the longer side in which text is searched: half the time of the authors' size, and lines of 10 pixels are found."""


@dataclass(frozen=True, slots=True)
class FrameText:
    """Value of the items of the feature "text_lines".

    Attributes:
        began: Lines that this picture is the first to show, as they are in it.
        ended: Lines that it does not show any more, all of them in the last item.
        width: Of the picture that their boxes are in, in pixels.
        height: The same.
    """

    began: tuple[Line, ...]
    ended: tuple[Ended, ...]
    width: int
    height: int


class TextLines(Feature):
    """An item wherever a line begins or ends; `index` is the number of the decoded frame."""

    name = "text_lines"
    version = "4"
    frames = SAMPLED
    models = (_DETECTION, _RECOGNITION)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._names = characters(context.model(_RECOGNITION))
        self._reader = TextReader(find=self._find, read=self._read)
        self._size = (1, 1)
        self._last: AnyItem | None = None

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes one frame."""
        self._last = item
        self._size = (item.value.shape[1], item.value.shape[0])
        began, ended = self._reader.look(item.value, Look(item.index, item.time_s))
        if began or ended:
            yield self._item(item, began, ended)

    def flush(self) -> Iterable[AnyItem]:
        """Gives what is there to the end."""
        began, ended = self._reader.end()
        if self._last is not None and (began or ended):
            # After all frames, of which the last are not sampled.
            end_s = max(self._last.end_s, self.context.media.video.duration_s)
            yield replace(self._item(self._last, began, ended), time_s=end_s, end_s=end_s)

    def _item(self, item: AnyItem, began: list[Line], ended: list[Ended]) -> Item[FrameText]:
        # Copies: the reader follows its own lines further while others look at these.
        value = FrameText(tuple(copy(line) for line in began), tuple(ended), *self._size)
        return Item(self.name, item.time_s, item.end_s, item.index, value)

    def _find(self, picture: Image) -> list[TextBox]:
        scale = _SEARCHED / max(self._size)
        return find_text(self.context.model(_DETECTION), picture, max(1, round(max(picture.shape[:2]) * scale)))

    def _read(self, line: Image) -> Reading:
        return read_line(self.context.model(_RECOGNITION), self._names, line)
