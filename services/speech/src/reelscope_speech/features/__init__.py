"""Features of the speech service."""

from reelscope_runtime.engine.node import Feature
from reelscope_speech.features.speaker_embeddings import SpeakerEmbeddings
from reelscope_speech.features.speech_regions import SpeechRegions
from reelscope_speech.features.voice_emotions import VoiceEmotions
from reelscope_speech.features.voice_marks import VoiceMarks
from reelscope_speech.features.voice_track import VoiceTracks

FEATURES: tuple[type[Feature], ...] = (
    SpeechRegions,
    VoiceTracks,
    VoiceMarks,
    VoiceEmotions,
    SpeakerEmbeddings,
)

__all__ = ["FEATURES"]
