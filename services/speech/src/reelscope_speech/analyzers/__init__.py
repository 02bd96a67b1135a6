"""Analyzers of the speech service."""

from reelscope_runtime.engine.node import Analyzer
from reelscope_speech.analyzers.speaker_diarization import SpeakerDiarization
from reelscope_speech.analyzers.speech_emotion import SpeechEmotion
from reelscope_speech.analyzers.speech_flow import SpeechFlow
from reelscope_speech.analyzers.speech_rate import SpeechRate
from reelscope_speech.analyzers.speech_transcription import SpeechTranscription

ANALYZERS: tuple[type[Analyzer], ...] = (SpeechTranscription, SpeechEmotion, SpeechRate, SpeechFlow, SpeakerDiarization)

__all__ = ["ANALYZERS"]
