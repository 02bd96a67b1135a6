"""Silero VAD v6 over a stream: one speech probability for each 32 ms of audio.

Source: github.com/snakers4/silero-vad (MIT), as the ONNX file that faster-whisper ships.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16000
"""Hz; the rate that the network was trained on."""

FRAME: Final = 512
"""Samples in a frame: 32 ms, fixed by the network."""

FRAME_S: Final = FRAME / SAMPLE_RATE

_CONTEXT: Final = 64
"""Samples of the frame before that the network sees with each frame."""

_STATE_SHAPE: Final = (1, 1, 128)

Probabilities = NDArray[np.float32]
"""Shape [frames], 0..1."""


class VoiceActivity:
    """The network with the state that it carries from frame to frame.

    Args:
        model: The loaded network, `run(outputs, feeds)` with `input` [N, 576], `h` and `c` [1, 1, 128].
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - the pool's wrapper, or an onnxruntime session in tests
        self._model = model
        self._pending = np.zeros(0, np.float32)
        self._forget()

    def _forget(self) -> None:
        self._context = np.zeros(_CONTEXT, np.float32)
        self._h = np.zeros(_STATE_SHAPE, np.float32)
        self._c = np.zeros(_STATE_SHAPE, np.float32)

    @property
    def pending(self) -> int:
        """Samples that wait for their frame to be full."""
        return len(self._pending)

    def feed(self, samples: NDArray[np.float32]) -> Probabilities:
        """Takes mono samples at 16 kHz; gives the probabilities of the frames that they complete."""
        self._pending = np.concatenate([self._pending, samples])
        count = len(self._pending) // FRAME
        if count == 0:
            return np.zeros(0, np.float32)
        frames = self._pending[: count * FRAME].reshape(count, FRAME)
        self._pending = self._pending[count * FRAME :].copy()
        if not frames.any():
            # The network never met long digital silence: after 40 s of it, soft words lose half of their probability.
            self._forget()
            return np.zeros(count, np.float32)
        tails = frames[:, -_CONTEXT:]
        contexts = np.concatenate([self._context[None], tails[:-1]])
        self._context = tails[-1].copy()
        feeds = {"input": np.concatenate([contexts, frames], axis=1), "h": self._h, "c": self._c}
        probabilities, self._h, self._c = self._model.run(None, feeds)
        return np.asarray(probabilities, np.float32).reshape(-1)

    def finish(self) -> Probabilities:
        """The stream is over: the last, partly filled frame, padded with silence."""
        if self.pending == 0:
            return np.zeros(0, np.float32)
        return self.feed(np.zeros(FRAME - self.pending, np.float32))
