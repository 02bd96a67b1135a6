"""Feature "audio_tags": what is heard, by a network that knows AudioSet's classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from reelscope_audio.tagging import ast, yamnet
from reelscope_audio.tagging.ast import Ast
from reelscope_audio.tagging.tags import Step, Tagger, Tags
from reelscope_audio.tagging.yamnet import Yamnet
from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, AudioSpec, Item
from reelscope_runtime.models.torch_models import LoadedTransformer

MODEL = "audio_tagging"
"""The manifest's task."""


LONGEST_STEP_S: Final = max(yamnet.STEP_S, ast.HOP_S)
"""What one item stands for at most."""


class AudioTags(Feature):
    """Items: value `Tags`, index = number of the step. Together they cover the clip without gaps or overlap."""

    name = "audio_tags"
    version = "1"
    audio = AudioSpec(sample_rate=yamnet.SAMPLE_RATE, mono=True)
    models = (MODEL,)
    lookback_s: ClassVar[float] = max(yamnet.PATCH_S + 2 * yamnet.STEP_S, ast.WINDOW_S + (ast.BATCH + 1) * ast.HOP_S)

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        model = context.model(MODEL)
        self._tagger: Tagger = Ast(model) if isinstance(model, LoadedTransformer) else Yamnet(model)
        self._start_s: float | None = None
        self._covered_s = 0.0
        self._count = 0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a chunk of mono audio at 16 kHz."""
        if self._start_s is None:
            self._start_s = self._covered_s = item.time_s
        yield from self._items(self._tagger.feed(item.value[0]))

    def flush(self) -> Iterable[AnyItem]:
        """Gives the rest."""
        if self._start_s is not None:
            yield from self._items(self._tagger.finish())

    def _items(self, steps: Iterable[Step]) -> Iterable[Item[Tags]]:
        for until_s, scores in steps:
            start_s, self._covered_s = self._covered_s, (self._start_s or 0.0) + until_s
            self._count += 1
            yield Item(self.name, start_s, self._covered_s, self._count - 1, Tags(self._tagger.labels, scores))
