"""The vision service's analyzers, one file each."""

from reelscope_runtime.engine.node import Analyzer
from reelscope_vision.analyzers.color_analysis import ColorAnalysis
from reelscope_vision.analyzers.cut_analysis import CutAnalysis
from reelscope_vision.analyzers.object_detection import ObjectDetection

ANALYZERS: tuple[type[Analyzer], ...] = (CutAnalysis, ObjectDetection, ColorAnalysis)

__all__ = ["ANALYZERS"]
