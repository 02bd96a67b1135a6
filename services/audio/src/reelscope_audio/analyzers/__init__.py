"""Analyzers of the audio service."""

from reelscope_audio.analyzers.audio_analysis import AudioAnalysis
from reelscope_audio.analyzers.audio_environment import AudioEnvironment
from reelscope_audio.analyzers.music_analysis import MusicAnalysis
from reelscope_runtime.engine.node import Analyzer

ANALYZERS: tuple[type[Analyzer], ...] = (AudioAnalysis, AudioEnvironment, MusicAnalysis)

__all__ = ["ANALYZERS"]
