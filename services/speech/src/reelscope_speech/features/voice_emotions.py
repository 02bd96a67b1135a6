"""Feature "voice_emotions": what a network reads in the voice of each region of speech; nothing in profiles without one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from reelscope_runtime.engine.node import Feature, NodeContext
from reelscope_runtime.media.items import AnyItem, Item
from reelscope_runtime.models.torch_models import LoadedTransformer
from reelscope_speech.features.region_tracker import MAX_REGION_S, Region
from reelscope_speech.features.source import AUDIO
from reelscope_speech.features.voice_activity import SAMPLE_RATE

MODEL = "speech_emotion"
"""The manifest's task; optional: the lite profile has no such model."""

SHORTEST_S: Final = 0.4
"""Less speech is given to no network that was trained on sentences."""

BATCH: Final = 8
"""Regions at once where a GPU does it."""

WAIT_S: Final = 40.0
"""A batch that is not full waits no longer for more."""

LABELS: Final = {
    **dict.fromkeys(("neu", "neutral", "calm"), "neutral"),
    **dict.fromkeys(("hap", "happy", "happiness", "joy", "excited"), "happy"),
    **dict.fromkeys(("sad", "sadness"), "sad"),
    **dict.fromkeys(("ang", "angry", "anger"), "angry"),
    **dict.fromkeys(("fea", "fear", "fearful"), "fear"),
    **dict.fromkeys(("dis", "disgust", "disgusted"), "disgust"),
    **dict.fromkeys(("sur", "surprise", "surprised", "ps"), "surprise"),
}
"""Names that checkpoints give their classes, and the contract's."""


@dataclass(frozen=True, slots=True)
class VoiceEmotion:
    """Value of the items of the feature "voice_emotions".

    Attributes:
        scores: Probability of each of the contract's emotions that the model knows.
    """

    scores: Mapping[str, float]


class VoiceEmotions(Feature):
    """One item per region of speech, in their order; `index` counts them."""

    name = "voice_emotions"
    version = "1"
    audio = AUDIO
    requires = ("speech_regions",)
    optional_models = (MODEL,)
    lookback_s: ClassVar[float] = WAIT_S + MAX_REGION_S + 2 * AUDIO.chunk_s

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._model: LoadedTransformer | None = context.model(MODEL)
        self._batch = BATCH if self._model is not None and self._model.is_fast else 1
        self._chunks: deque[AnyItem] = deque()
        self._regions: list[Region] = []
        self._count = 0

    def process(self, item: AnyItem) -> Iterable[AnyItem]:
        """Takes a chunk of mono audio at 16 kHz or a region of speech."""
        if self._model is None:
            return
        if isinstance(item.value, Region):
            if item.end_s - item.time_s >= SHORTEST_S:
                self._regions.append(item.value)
        else:
            self._chunks.append(item)
            while self._chunks[0].end_s < item.end_s - self.lookback_s:
                self._chunks.popleft()
        heard_s = self._chunks[-1].end_s if self._chunks else 0.0
        complete = [region for region in self._regions if region.end_s <= heard_s]
        is_late = bool(complete) and heard_s - complete[0].start_s >= WAIT_S
        if len(complete) >= self._batch or is_late:
            yield from self._read(len(complete))

    def flush(self) -> Iterable[AnyItem]:
        """Reads the rest."""
        if self._model is not None and self._regions:
            yield from self._read(len(self._regions))

    def _read(self, count: int) -> Iterable[AnyItem]:
        regions, self._regions = self._regions[:count], self._regions[count:]
        for first in range(0, len(regions), self._batch):
            some = regions[first : first + self._batch]
            for region, scores in zip(some, self._scores([self._cut(region) for region in some]), strict=True):
                self._count += 1
                yield Item(self.name, region.start_s, region.end_s, self._count - 1, VoiceEmotion(scores))

    def _cut(self, region: Region) -> NDArray[np.float32]:
        """The region's samples."""
        parts = [
            chunk.value[0][
                max(0, round((region.start_s - chunk.time_s) * SAMPLE_RATE)) : max(
                    0, round((region.end_s - chunk.time_s) * SAMPLE_RATE)
                )
            ]
            for chunk in self._chunks
            if chunk.time_s < region.end_s and chunk.end_s > region.start_s
        ]
        return np.concatenate([*parts, np.zeros(0, np.float32)])

    def _scores(self, voices: list[NDArray[np.float32]]) -> list[dict[str, float]]:
        """Softmax over the classes that the contract knows; padded to one length, with the padding masked out."""
        model = self._model
        if model is None:
            return []
        inputs = model.extractor(
            voices, sampling_rate=SAMPLE_RATE, padding=True, return_attention_mask=True, return_tensors="pt"
        )
        known = [index for index, label in enumerate(model.labels) if label.casefold() in LABELS]
        logits = model.logits(input_values=inputs["input_values"], attention_mask=inputs["attention_mask"])[:, known]
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = raised / raised.sum(axis=1, keepdims=True)
        names = [LABELS[model.labels[index].casefold()] for index in known]
        return [dict(zip(names, row.tolist(), strict=True)) for row in shares]
