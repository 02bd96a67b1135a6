"""AST: a score for each of AudioSet's 527 classes, every second.

Source: Gong, Chung & Glass, AST: Audio Spectrogram Transformer, Interspeech 2021, through transformers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_audio.tagging.tags import Label, Step
from reelscope_runtime.models.pool import LoadRequest
from reelscope_runtime.models.torch_models import LoadedTransformer, load_transformer

SAMPLE_RATE: Final = 16000

WINDOW_S: Final = 2.0
"""AST was trained on 10 s, in which an event has no time; it also tells shorter sounds, padded with silence."""

HOP_S: Final = 1.0
"""Each step stands for so much time about the centre of its window."""

BATCH: Final = 8
"""Windows at once where a GPU does it; one after the other on a CPU, where waiting gains nothing."""


class Ast:
    """The network over a stream.

    Args:
        model: The loaded model and its feature extractor.
    """

    def __init__(self, model: LoadedTransformer) -> None:
        self.labels = tuple(Label(name, "") for name in model.labels)
        self._model = model
        self._samples = np.zeros(0, np.float32)
        self._start = 0
        self._covered_s = 0.0
        self._batch = BATCH if model.is_fast else 1

    def feed(self, samples: NDArray[np.float32]) -> Iterable[Step]:
        """Takes mono samples at 16 kHz."""
        self._samples = np.concatenate([self._samples, samples])
        size, hop = round(WINDOW_S * SAMPLE_RATE), round(HOP_S * SAMPLE_RATE)
        while len(self._samples) >= size + (self._batch - 1) * hop:
            yield from self._steps([self._samples[at * hop : at * hop + size] for at in range(self._batch)])
            self._samples = self._samples[self._batch * hop :].copy()
            self._start += self._batch * hop

    def finish(self) -> Iterable[Step]:
        """Gives what is left; the last window ends with the audio."""
        end_s = (self._start + len(self._samples)) / SAMPLE_RATE
        size, hop = round(WINDOW_S * SAMPLE_RATE), round(HOP_S * SAMPLE_RATE)
        whole = max(0, (len(self._samples) - size) // hop + 1)
        yield from self._steps([self._samples[at * hop : at * hop + size] for at in range(whole)])
        if end_s - self._covered_s > 0:
            yield end_s, self._score([self._samples[-size:]])[0]

    def _steps(self, windows: list[NDArray[np.float32]]) -> Iterable[Step]:
        for number, row in enumerate(self._score(windows) if windows else ()):
            self._covered_s = self._start / SAMPLE_RATE + number * HOP_S + (WINDOW_S + HOP_S) / 2
            yield self._covered_s, row

    def _score(self, windows: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        inputs = self._model.extractor(windows, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        logits = self._model.logits(input_values=inputs["input_values"])
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def load_ast(request: LoadRequest) -> LoadedTransformer:
    """Loads an AST checkpoint's folder.

    Raises:
        ModelUnavailableError: torch or transformers is missing, or refuses it.
    """
    return load_transformer(
        request,
        model_class="ASTForAudioClassification",
        extractor_class="ASTFeatureExtractor",
        extra="reelscope-audio[standard]",
    )
