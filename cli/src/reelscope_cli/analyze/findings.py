"""One finding in a few words, for people who watch the work."""

from __future__ import annotations

from collections.abc import Callable

from reelscope.analysis.v1.analysis_pb2 import Segment

LONGEST = 90

_TEXTS: dict[str, Callable[[Segment], str]] = {
    "object": lambda s: s.object.label,
    "text": lambda s: f"“{s.text.text}”",
    "camera": lambda s: _words(s.camera.motion),
    "background": lambda s: f"{_words(s.background.kind)} background",
    "effect": lambda s: _words(s.effect.kind),
    "scene": lambda s: f"scene {s.scene.scene_id} {s.scene.setting}",
    "color": lambda s: ", ".join(color.name or color.hex for color in s.color.palette[:3]),
    "quality": lambda s: f"quality {s.quality.overall:.0f} of 100",
    "cut": lambda s: f"{s.cut.kind} cut" if s.cut.kind in {"hard", "jump"} else s.cut.kind,
    "age": lambda s: f"about {s.age.years:.0f} years old",
    "gaze": lambda s: f"looks {'at the camera' if s.gaze.looking_at_camera else _words(s.gaze.direction)}",
    "emotion": lambda s: s.emotion.dominant,
    "pose": lambda s: _words(s.pose.posture),
    "hand": lambda s: f"{s.hand.handedness} hand: {_words(s.hand.gesture)}",
    "face": lambda s: f"person {s.face.person_id}",
    "composition": lambda s: f"subject {s.composition.subject_position or 'nowhere'}",
    "body": lambda s: f"{s.body.lean}, facing {s.body.facing}",
    "audio": lambda s: s.audio.kind,
    "audio_event": lambda s: s.audio_event.label,
    "music": lambda s: f"music, {s.music.tempo_bpm:.0f} BPM" if s.music.HasField("tempo_bpm") else "music",
    "utterance": lambda s: f"“{s.utterance.text.strip()}”",
    "speech_emotion": lambda s: (
        f"sounds {s.speech_emotion.emotion}" if s.speech_emotion.emotion else f"arousal {s.speech_emotion.arousal:.2f}"
    ),
    "rate": lambda s: f"{s.rate.words_per_minute:.0f} words a minute",
    "flow": lambda s: _words(s.flow.kind),
    "speaker": lambda s: s.speaker.speaker_id,
    "description": lambda s: s.description.text,
    "answer": lambda s: s.answer.answer,
}


def finding_text(segment: Segment) -> str:
    """What was found, on one line; an unknown detail, from a newer gateway, is named only."""
    kind = segment.WhichOneof("detail") or "finding"
    text = " ".join(_TEXTS[kind](segment).split()) if kind in _TEXTS else kind
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def clock(seconds: float) -> str:
    """A time as minutes and seconds: 0:03.2."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def _words(value: str) -> str:
    return value.replace("_", " ")
