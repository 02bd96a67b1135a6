"""Features of the speech service."""

from reelscope_runtime.engine.node import Feature
from reelscope_speech.features.speech_regions import SpeechRegions

FEATURES: tuple[type[Feature], ...] = (SpeechRegions,)

__all__ = ["FEATURES"]
