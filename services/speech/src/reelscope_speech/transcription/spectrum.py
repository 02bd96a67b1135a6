"""Log-mel spectra as Whisper was trained on them: at the level of near speech, and padded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Mel = NDArray[np.float32]
"""Shape [mels, frames of 10 ms]; log10 of the power, plus 4, over 4, cut 8 decades under its largest value."""

FULL_FRAMES: Final = 3000
"""Frames in the 30 s that Whisper was trained on."""

PEAK: Final = 1.7
"""Largest value of a window. Whisper's front end keeps the level, and quiet speech is read worse."""


def log_mel(extractor: Callable[[NDArray[np.float32]], NDArray[np.float32]], samples: NDArray[np.float32]) -> Mel:
    """A window's spectrum at one level.

    Args:
        extractor: faster-whisper's `FeatureExtractor` of the model.
        samples: Mono, 16 kHz, at most 30 s; what is longer is cut.
    """
    mel: Mel = extractor(samples)[..., :-1][:, :FULL_FRAMES]
    return mel + np.float32(PEAK - mel.max())


def pad(mel: Mel, frames: int) -> Mel:
    """Pads with silence to an even number of frames (the encoder halves them)."""
    frames += frames % 2
    silence = float(mel.min()) if mel.size else 0.0
    return np.ascontiguousarray(np.pad(mel, ((0, 0), (0, max(0, frames - mel.shape[1]))), constant_values=silence))
