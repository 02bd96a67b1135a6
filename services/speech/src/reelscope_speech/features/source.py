"""The one form of the audio that the service listens to."""

from typing import Final

from reelscope_runtime.media.items import AudioSpec

AUDIO: Final = AudioSpec(sample_rate=16000, mono=True)
"""All nodes ask for the same, so that the audio is decoded and resampled once."""
