"""A document in a dozen lines that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Metadata, Summary
from reelscope.analysis.v1.geometry_pb2 import Score
from reelscope.analysis.v1.media_pb2 import MediaInfo
from reelscope_cli.analyze.findings import clock

Line = tuple[str, str]
"""Label and text."""

GOOD = ("succeeded", "not_applicable")
SHOWN_ITEMS = 6
SHOWN_CUTS = 8
SHOWN_TEXT = 600
LEAST_SHARE = 0.05
"""Sounds and moods that score less are not worth a word."""

PICTURE_FORMAT = "_pipe"
"""How FFmpeg's names of picture formats end."""

SEVERAL_FRAMES = 1.5
"""Frame durations from which a picture's file holds more than one picture."""


def summary_lines(document: AnalysisDocument) -> list[Line]:
    """What there is to say of the clip, in the order in which one would tell it; what was not found is left out."""
    summaries = {
        kind: result.summary
        for result in document.analyzer_results.values()
        if result.status == "succeeded" and (kind := result.summary.WhichOneof("kind")) is not None
    }
    lines = [("clip", _clip(document.metadata))]
    lines += [(label, text) for kind, label, tell in _TELLERS if kind in summaries and (text := tell(summaries[kind]))]
    lines += [(label, text) for label, text in _cuts(document) if text]
    lines += _outcome(document)
    return sorted(lines, key=lambda line: _ORDER.index(line[0]))


def failures(document: AnalysisDocument) -> Iterator[Line]:
    """Analyzers that did not succeed, with why."""
    for name, result in sorted(document.analyzer_results.items()):
        if result.status not in GOOD:
            yield name, f"{result.status}: {result.problem.reason or 'no reason given'}"


def _clip(metadata: Metadata) -> str:
    media = metadata.media
    if _is_picture(media):
        return f"a picture · {media.video.width}x{media.video.height}, {media.video.codec}"
    parts = [f"{media.duration_s:.1f} s"]
    if media.HasField("video"):
        video = media.video
        parts.append(f"{video.width}x{video.height}, {video.frame_rate:.3g} fps, {video.codec}")
    if media.HasField("audio"):
        parts.append(f"{media.audio.codec} {media.audio.sample_rate / 1000:g} kHz")
    if metadata.source.title:
        by = f" by {metadata.source.uploader}" if metadata.source.uploader else ""
        parts.append(f"“{metadata.source.title}”{by}")
    return " · ".join(parts)


def _is_picture(media: MediaInfo) -> bool:
    """Whether it is a picture's file, and holds one alone."""
    return media.container.endswith(PICTURE_FORMAT) and media.duration_s * media.video.frame_rate < SEVERAL_FRAMES


def _shots(summary: Summary) -> str:
    cut = summary.cut
    if not cut.shot_count:
        return ""
    pace = cut.rhythm.replace("_", " ")
    return f"{cut.shot_count} ({_count(cut.cut_count, 'cut')}, {pace}, {cut.mean_shot_s:.1f} s on average)"


def _cuts(document: AnalysisDocument) -> Iterator[Line]:
    """When the cuts are."""
    cuts = [
        segment.cut
        for result in document.analyzer_results.values()
        for segment in result.segments
        if segment.WhichOneof("detail") == "cut"
    ]
    yield "cuts", _some([f"{clock(cut.time_s)} {cut.kind}" for cut in cuts], SHOWN_CUTS)


def _objects(summary: Summary) -> str:
    labels = sorted(summary.object.labels, key=lambda label: -label.screen_time_s)
    return _some(
        f"{label.label}{f' x{label.max_simultaneous}' if label.max_simultaneous > 1 else ''} ({label.screen_time_s:.1f} s)"
        for label in labels
    )


def _loudness(summary: Summary) -> str:
    audio = summary.audio
    if audio.digital_silence:
        return "digital silence"
    parts = []
    if audio.HasField("integrated_lufs"):
        parts.append(f"{audio.integrated_lufs:.1f} LUFS")
    if audio.HasField("loudness_range_lu"):
        parts.append(f"range {audio.loudness_range_lu:.1f} LU")
    if audio.HasField("true_peak_dbtp"):
        parts.append(f"peak {audio.true_peak_dbtp:.1f} dBTP")
    if audio.HasField("tempo_bpm"):
        parts.append(f"{audio.tempo_bpm:.0f} BPM")
    if audio.key:
        parts.append(audio.key)
    return ", ".join(parts)


def _transcript(summary: Summary) -> str:
    text = _short(summary.utterance.text)
    return f"({summary.utterance.language}) {text}" if text else ""


def _palette(summary: Summary) -> str:
    colors = _some(f"{color.hex} {color.name} {color.share:.0%}" for color in summary.color.palette)
    look = [word for word in (summary.color.temperature, summary.color.grade, summary.color.harmony) if word]
    return f"{colors} ({', '.join(look)})" if look else colors


def _faces(summary: Summary) -> str:
    face = summary.face
    return (
        f"{_count(face.person_count, 'person', 'people')}, {face.screen_time_share:.0%} of the time" if face.track_count else ""
    )


def _speakers(summary: Summary) -> str:
    speakers = summary.speaker.speakers
    return _some(f"{one.speaker_id.replace('_', ' ')} {one.share:.0%}" for one in speakers) if len(speakers) > 1 else ""


def _speaking(summary: Summary) -> str:
    rate = summary.rate
    return f"{rate.words_per_minute:.0f} words a minute" if rate.words_per_minute else ""


def _flow(summary: Summary) -> str:
    flow = summary.flow
    parts = [_count(flow.pause_count, "pause")] if flow.pause_count else []
    parts += [_count(flow.filler_count, "filler")] if flow.filler_count else []
    parts += [_count(flow.repetition_count, "repetition")] if flow.repetition_count else []
    return ", ".join(parts)


def _voice(summary: Summary) -> str:
    emotion = summary.speech_emotion
    parts = [emotion.dominant] if emotion.dominant else []
    parts += [f"arousal {emotion.mean_arousal:.2f}"] if emotion.HasField("mean_arousal") else []
    return ", ".join(parts)


def _music(summary: Summary) -> str:
    music = summary.music
    if music.music_share < LEAST_SHARE:
        return ""
    parts = [f"{music.music_share:.0%} of the clip"]
    if music.HasField("tempo_bpm"):
        parts.append(f"{music.tempo_bpm:.0f} BPM")
    if music.HasField("cuts_on_beat_share"):
        parts.append(f"{music.cuts_on_beat_share:.0%} of the cuts on the beat")
    return ", ".join(parts)


def _camera(summary: Summary) -> str:
    shares = summary.camera.motion_shares
    return _scores(shares) if shares else summary.camera.dominant_motion.replace("_", " ")


def _effects(summary: Summary) -> str:
    counted = ((one.kind.replace("_", " "), one.count) for one in summary.effect.effects)
    return _some(kind if count == 1 else f"{kind} x{count}" for kind, count in counted)


def _ages(summary: Summary) -> str:
    age = summary.age
    if not age.groups:
        return ""
    low, high = round(age.youngest_years), round(age.oldest_years)
    return f"about {low}" if low == high else f"about {low} to {high}"


def _eyes(summary: Summary) -> str:
    gaze = summary.gaze
    if gaze.eyes_visible_share < LEAST_SHARE:
        return ""
    camera = f"on the camera {gaze.looking_at_camera_share:.0%} of the time"
    return f"{camera}, {_count(gaze.blink_count, 'blink')}" if gaze.blink_count else camera


def _bodies(summary: Summary) -> str:
    pose = summary.pose
    actions = [f"{action.name.replace('_', ' ')} x{action.repetitions}" for action in pose.actions]
    postures = _scores(score for score in pose.posture_shares if score.label != "unknown")
    return ", ".join([*actions, *([postures] if postures else [])])


def _hands(summary: Summary) -> str:
    return _scores(score for score in summary.hand.gesture_shares if score.label != "none")


_TELLERS: tuple[tuple[str, str, Callable[[Summary], str]], ...] = (
    ("description", "story", lambda s: _short(s.description.text)),
    ("cut", "shots", _shots),
    ("object", "objects", _objects),
    ("face", "faces", _faces),
    ("age", "ages", _ages),
    ("emotion", "expressions", lambda s: _scores(s.emotion.shares)),
    ("gaze", "eyes", _eyes),
    ("pose", "bodies", _bodies),
    ("hand", "hands", _hands),
    ("camera", "camera", _camera),
    ("effect", "effects", _effects),
    ("background", "background", lambda s: s.background.dominant_kind.replace("_", " ")),
    ("text", "on screen", lambda s: _some((f"“{' '.join(text.split())}”" for text in s.text.texts), 2 * SHOWN_ITEMS)),
    ("utterance", "said", _transcript),
    ("speaker", "speakers", _speakers),
    ("rate", "pace", _speaking),
    ("flow", "fluency", _flow),
    ("speech_emotion", "voice", _voice),
    ("music", "music", _music),
    ("audio", "loudness", _loudness),
    ("audio_event", "sounds", lambda s: _scores(s.audio_event.top_classes)),
    ("color", "palette", _palette),
    ("quality", "picture", lambda s: f"{s.quality.overall:.0f} of 100"),
)
"""Kind of summary, label, and how it is told."""

_FIRST = ("clip", "story", "shots", "cuts")
_LAST = ("analyzers", "score", "time")
_ORDER = (*_FIRST, *(label for _, label, _ in _TELLERS if label not in _FIRST), *_LAST)


def _outcome(document: AnalysisDocument) -> Iterator[Line]:
    metadata = document.metadata
    states: dict[str, int] = {}
    for result in document.analyzer_results.values():
        states[result.status] = states.get(result.status, 0) + 1
    counts = [f"{states.pop(state)} {state.replace('_', ' ')}" for state in GOOD if state in states]
    counts += [f"{number} {state}" for state, number in sorted(states.items())]
    yield "analyzers", ", ".join(counts) or "none"
    yield "score", f"{metadata.reconstruction_score:.1f} of 100"
    ratio = "" if _is_picture(metadata.media) else f", {metadata.realtime_factor:.2f}x the clip's length"
    yield "time", f"{metadata.processing_time_seconds:.1f} s{ratio}"


def _scores(scores: Iterable[Score]) -> str:
    return _some(f"{score.label.replace('_', ' ')} {score.score:.0%}" for score in scores if score.score >= LEAST_SHARE)


def _some(texts: Iterable[str], most: int = SHOWN_ITEMS) -> str:
    everything = list(texts)
    more = f" … {len(everything) - most} more" if len(everything) > most else ""
    return ", ".join(everything[:most]) + more


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_TEXT else f"{line[: SHOWN_TEXT - 1]}…"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
