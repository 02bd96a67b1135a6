"""Analyzers of the speech service."""

from reelscope_runtime.engine.node import Analyzer
from reelscope_speech.analyzers.speech_transcription import SpeechTranscription

ANALYZERS: tuple[type[Analyzer], ...] = (SpeechTranscription,)

__all__ = ["ANALYZERS"]
