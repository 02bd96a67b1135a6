"""What is known about the clip by construction, for demos and tests to be measured against.

Times are seconds from the first frame; `frame`, `first_frame` and `last_frame` are 0-based and inclusive;
boxes are x, y, width, height in [0, 1] of the frame.
"""

from typing import Any

from demo_clip.lettering import Lettering
from demo_clip.music import BEAT_S, FINAL_BEAT
from demo_clip.pictures import frame_range, project, view_at
from demo_clip.soundtrack import TARGET_LUFS
from demo_clip.storyboard import FADE_OUT_FRAMES, FPS, HEIGHT, KEY, SHOTS, TEMPO_BPM, TOTAL_FRAMES, WIDTH, Box
from demo_clip.voice import VOICE, Utterance


def describe(utterances: list[Utterance], texts: list[Lettering]) -> dict[str, Any]:
    """Return the truth as plain values, ready for JSON."""
    ends = [*(shot.first_frame for shot in SHOTS[1:]), TOTAL_FRAMES]
    return {
        "duration_s": _seconds(TOTAL_FRAMES),
        "fps": FPS,
        "frames": TOTAL_FRAMES,
        "width": WIDTH,
        "height": HEIGHT,
        "shots": [
            {
                "start_s": _seconds(shot.first_frame),
                "end_s": _seconds(end),
                "first_frame": shot.first_frame,
                "last_frame": end - 1,
                "picture": shot.picture,
                "camera": shot.motion,
            }
            for shot, end in zip(SHOTS, ends, strict=True)
        ],
        "cuts": [*(_cut(i) for i in range(1, len(SHOTS))), _fade_out()],
        "texts": [_text(text) for text in texts],
        "words": [
            {"text": word.text, "start_s": round(word.start_s, 3), "end_s": round(word.end_s, 3)}
            for utterance in utterances
            for word in utterance.words
        ],
        "speech": [
            {
                "text": utterance.text,
                "start_s": round(utterance.words[0].start_s, 3),
                "end_s": round(utterance.words[-1].end_s, 3),
            }
            for utterance in utterances
        ],
        "voice": VOICE,
        "language": "en",
        "loudness_lufs": TARGET_LUFS,
        "tempo_bpm": TEMPO_BPM,
        "beats_s": [round(beat * BEAT_S, 3) for beat in range(FINAL_BEAT + 1)],
        "key": KEY,
        "camera": [_camera(i) for i in range(len(SHOTS))],
        "objects": [entry for i in range(len(SHOTS)) for entry in _objects(i)],
    }


def _seconds(frame: int) -> float:
    return round(frame / FPS, 3)


def _box(box: Box) -> list[float]:
    return [round(value, 4) for value in box]


def _cut(index: int) -> dict[str, Any]:
    shot = SHOTS[index]
    cut: dict[str, Any] = {
        "kind": shot.transition,
        "frame": shot.first_frame,
        "time_s": _seconds(shot.first_frame),
    }
    if shot.transition == "dissolve":
        cut |= {"first_frame": frame_range(index)[0], "last_frame": frame_range(index - 1)[1] - 1}
    return cut


def _fade_out() -> dict[str, Any]:
    first = TOTAL_FRAMES - FADE_OUT_FRAMES
    return {
        "kind": "fade",
        "frame": first,
        "time_s": _seconds(first),
        "first_frame": first,
        "last_frame": TOTAL_FRAMES - 1,
    }


def _text(text: Lettering) -> dict[str, Any]:
    return {
        "text": text.text,
        "kind": text.kind,
        "start_s": _seconds(text.first_frame),
        "end_s": _seconds(text.end_frame),
        "first_frame": text.first_frame,
        "last_frame": text.end_frame - 1,
        "first_full_frame": text.first_frame + text.fade_frames,
        "last_full_frame": text.end_frame - 1 - text.fade_frames,
        "box": _box(text.box),
    }


def _camera(index: int) -> dict[str, Any]:
    """Return a shot's camera work; zooms in percent per second, pans in frame widths per second."""
    shot = SHOTS[index]
    first, end = frame_range(index)
    seconds = (end - 1 - first) / FPS
    camera: dict[str, Any] = {
        "motion": shot.motion,
        "start_s": _seconds(first),
        "end_s": _seconds(end),
        "speed": 0.0,
        "unit": "none",
    }
    if shot.motion == "pan_right":
        widths = (shot.end.center_x - shot.start.center_x) / (shot.start.height * WIDTH / HEIGHT)
        camera |= {"speed": round(widths / seconds, 4), "unit": "frame widths per second"}
    elif shot.motion != "static":
        growth = (shot.start.height / shot.end.height) ** (1.0 / seconds) - 1.0
        camera |= {"speed": round(100.0 * growth, 3), "unit": "percent per second"}
    return camera


def _objects(index: int) -> list[dict[str, Any]]:
    shot = SHOTS[index]
    first, end = frame_range(index)
    return [
        {
            "label": thing.label,
            "picture": shot.picture,
            "start_s": _seconds(first),
            "end_s": _seconds(end),
            "first_box": _box(project(thing.box, view_at(shot, 0.0))),
            "middle_box": _box(project(thing.box, view_at(shot, 0.5))),
            "last_box": _box(project(thing.box, view_at(shot, 1.0))),
        }
        for thing in shot.objects
    ]
