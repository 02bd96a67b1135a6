"""Features of the audio service."""

from reelscope_audio.features.levels import AudioLevels
from reelscope_audio.features.spectrum import AudioSpectrum
from reelscope_audio.features.tagging import AudioTags
from reelscope_runtime.engine.node import Feature

FEATURES: tuple[type[Feature], ...] = (AudioLevels, AudioSpectrum, AudioTags)

__all__ = ["FEATURES"]
