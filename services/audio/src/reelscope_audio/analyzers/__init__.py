"""Analyzers of the audio service."""

from reelscope_audio.analyzers.audio_analysis import AudioAnalysis
from reelscope_audio.analyzers.audio_environment import AudioEnvironment
from reelscope_runtime.engine.node import Analyzer

ANALYZERS: tuple[type[Analyzer], ...] = (AudioAnalysis, AudioEnvironment)

__all__ = ["ANALYZERS"]
