"""The voice, a hundred times a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VoiceTrack:
    """Consecutive frames of 10 ms; in the items of the feature "voice_track" the middle of frame i is at
    time_s + (i + 0.5) * HOP_S.

    Attributes:
        pitch_hz: Fundamental frequency, 0 where unvoiced, shape [frames].
        voicing: Strength of the best period, in [0,1], shape [frames].
        level_db: Root mean square, dBFS, shape [frames].
        speech_level_db: Within 300-3400 Hz, dBFS, shape [frames].
        envelope_db: In 16 mel bands, dBFS, shape [frames, 16].
    """

    pitch_hz: NDArray[np.float32]
    voicing: NDArray[np.float32]
    level_db: NDArray[np.float32]
    speech_level_db: NDArray[np.float32]
    envelope_db: NDArray[np.float32]
