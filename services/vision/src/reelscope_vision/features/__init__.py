"""What is measured once and shared by the analyzers."""

from reelscope_runtime.engine.node import Feature
from reelscope_vision.features.objects import Objects
from reelscope_vision.features.shots import Shots

FEATURES: tuple[type[Feature], ...] = (Shots, Objects)

__all__ = ["FEATURES"]
