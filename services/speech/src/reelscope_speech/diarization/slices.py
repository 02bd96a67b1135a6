"""Regions of speech as a few numbers for each 100 ms: the spectral envelope and the pitch of the voice in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope_speech.prosody.frames import BANDS, HOP_S
from reelscope_speech.prosody.track import VoiceTrack

SLICE_S: Final = 0.1
"""About one phone: neighbouring slices are nearly independent looks at a voice."""

_HOPS: Final = round(SLICE_S / HOP_S)

SIZE: Final = BANDS + 1
"""Numbers of a slice: the bands and the pitch."""

_OCTAVE_SEMITONES: Final = 12.0


@dataclass(frozen=True, slots=True)
class RegionVoice:
    """What one region of speech tells of its voices.

    Attributes:
        start_s: Start of the first slice.
        end_s: End of the region; the last slice may be shorter.
        values: Mean over a slice's voiced frames: envelope in dB about its own mean over the bands, so that no gain and no
            distance counts, and pitch in semitones over 1 Hz; shape [slices, SIZE]. 0 in a slice without voice.
        weights: Share of a slice's frames that is voiced, in [0, 1], shape [slices].
    """

    start_s: float
    end_s: float
    values: NDArray[np.float32]
    weights: NDArray[np.float32]


def slice_voice(start_s: float, end_s: float, track: VoiceTrack) -> RegionVoice:
    """Averages the voiced frames of a region.

    Vowels and other voiced sounds carry the resonances of the vocal tract; hiss and silence tell more of the room.
    """
    count = max(1, -(-len(track.pitch_hz) // _HOPS))
    voiced = np.flatnonzero(track.pitch_hz > 0)
    envelope = track.envelope_db[voiced]
    rows = np.column_stack(
        [
            envelope - envelope.mean(axis=1, keepdims=True),
            _OCTAVE_SEMITONES * np.log2(np.maximum(track.pitch_hz[voiced], 1.0)),
        ]
    )
    sums, counts = np.zeros((count, SIZE)), np.zeros(count)
    np.add.at(sums, voiced // _HOPS, rows)
    np.add.at(counts, voiced // _HOPS, 1.0)
    values = sums / np.maximum(counts, 1.0)[:, None]
    return RegionVoice(start_s, end_s, values.astype(np.float32), (counts / _HOPS).astype(np.float32))
