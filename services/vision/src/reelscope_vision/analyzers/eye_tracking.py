"""Analyzer "eye_tracking": where the people look, whether into the camera, and when they blink."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reelscope.analysis.v1.analysis_pb2 import Segment, Summary
from reelscope.vision.v1.details_pb2 import GazeDetail, GazeSummary
from reelscope_runtime.engine.node import Analyzer, NodeContext
from reelscope_runtime.media.items import AnyItem
from reelscope_vision.faces.blinks import LONGEST_S, blinks
from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.faces.gaze import eyes_of
from reelscope_vision.faces.geometry import head_pose, pixels
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.tracking.stretches import Stretch, stretches

CONTACT_DEGREES: Final = 15.0
"""Gaze within this of the camera is at the camera: people feel looked at up to about 10 degrees (Gamer & Hecht, JEP 2007), and
the mesh of a small face errs by 5."""

LEAST_EYE_PIXELS: Final = 7.0
"""Narrower eyes can't be read: the iris would be three pixels wide."""

MOST_YAW_DEGREES: Final = 55.0
"""A head turned further hides one eye and foreshortens the other."""

LEAST_OPEN: Final = 0.1
"""Eye aspect ratio below which the lids hide the irises; laughing eyes keep more. In a blink the gaze is what it was."""

LEAST_STRETCH_S: Final = 0.2
"""Shorter looks are saccades and blinks on the way: a fixation lasts 0.2 s or more (Rayner, Psychological Bulletin 1998)."""

NOT_VISIBLE: Final = "not_visible"

_MEDIAN = 5
"""Samples of the running median that takes the mesh's trembling out."""


_LOOK: Final = np.dtype([(name, "f8") for name in ("start_s", "end_s", "yaw", "pitch", "openness")])
"""One face in one frame, in numbers alone: it may be in the picture for an hour. The last three are NaN where the eyes can't be
seen."""

_Looks = NDArray[np.void]
"""Shape [n] of `_LOOK`."""


class EyeTracking(Analyzer):
    """One segment per track and stretch of one gaze direction."""

    name = "eye_tracking"
    version = "1"
    description = "Gaze direction, looks into the camera, blinks and eye openness of each face"
    detail = "gaze"
    stills = True
    requires = ("face_tracks",)
    lookback_s = math.inf

    def __init__(self, context: NodeContext) -> None:
        super().__init__(context)
        self._looks: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))
        self._summary = GazeSummary()
        self._pixels = min(1.0, SEEN.height / max(1, context.media.video.width, context.media.video.height))
        self._height = max(1, context.media.video.height) * self._pixels

    def process(self, item: AnyItem) -> Iterable[Segment]:
        """Takes the faces of one frame."""
        frame: FrameFaces = item.value
        for face in frame.faces:
            head = head_pose(face.points, frame.aspect)
            eyes = eyes_of(pixels(face.points, frame.aspect), head)
            is_visible = abs(head.yaw) <= MOST_YAW_DEGREES and eyes.width * self._height >= LEAST_EYE_PIXELS
            seen = (eyes.yaw, eyes.pitch, eyes.openness) if is_visible else (math.nan,) * 3
            self._looks[face.track].extend((item.time_s, item.end_s, *seen))
        return ()

    def flush(self) -> Iterable[Segment]:
        """Gives the stretches of every track."""
        segments: list[Segment] = []
        total_s = visible_s = camera_s = 0.0
        count = 0
        for track, rows in sorted(self._looks.items()):
            looks = np.frombuffer(rows, _LOOK)
            closures = _blinks(looks)
            count += len(closures)
            for segment in _segments(track, looks, closures):
                seconds = segment.end_s - segment.start_s
                total_s += seconds
                visible_s += seconds * (segment.gaze.direction != NOT_VISIBLE)
                camera_s += seconds * segment.gaze.looking_at_camera
                segments.append(segment)
        self._summary = GazeSummary(
            looking_at_camera_share=camera_s / visible_s if visible_s else 0.0,
            blink_count=count,
            blinks_per_minute=60 * count / visible_s if visible_s else 0.0,
            eyes_visible_share=visible_s / total_s if total_s else 0.0,
        )
        return segments

    def summary(self) -> Summary:
        """Shares and the rate of blinks."""
        return Summary(gaze=self._summary)


def _blinks(looks: _Looks) -> list[tuple[float, float]]:
    """Beginning and end of each blink."""
    visible = looks[~np.isnan(looks["openness"])]
    times_s = visible["start_s"]
    return [(float(times_s[first]), float(times_s[beyond])) for first, beyond in blinks(times_s, visible["openness"])]


def _segments(track: int, looks: _Looks, closures: Sequence[tuple[float, float]]) -> Iterable[Segment]:
    states = _directions(looks, closures)
    starts_s, ends_s = looks["start_s"].tolist(), looks["end_s"].tolist()
    for stretch in stretches(states, ends_s, starts_s, LEAST_STRETCH_S):
        start_s, end_s = starts_s[stretch.first], ends_s[stretch.beyond - 1]
        inside = looks[stretch.first : stretch.beyond]
        openness = inside["openness"][~np.isnan(inside["openness"])]
        gazes = inside[(inside["openness"] >= LEAST_OPEN) & (stretch.state != NOT_VISIBLE)]
        yield Segment(
            start_s=start_s,
            end_s=end_s,
            confidence=_confidence(states, stretch),
            gaze=GazeDetail(
                track_id=track,
                direction=stretch.state,
                looking_at_camera=stretch.state == "camera",
                yaw_degrees=float(np.median(gazes["yaw"])) if len(gazes) else 0.0,
                pitch_degrees=float(np.median(gazes["pitch"])) if len(gazes) else 0.0,
                blinks=[moment for moment, _ in closures if start_s <= moment < end_s],
                eye_openness=float(openness.mean()) if len(openness) else 0.0,
            ),
        )


def _confidence(states: Sequence[str], stretch: Stretch[str]) -> float:
    """Share of the samples that say so themselves."""
    inside = states[stretch.first : stretch.beyond]
    return sum(state == stretch.state for state in inside) / len(inside)


def _directions(looks: _Looks, closures: Sequence[tuple[float, float]]) -> list[str]:
    """Direction of each look, from the running median of the open eyes near it; in a blink they look where they did."""
    closed, reopened = (
        np.searchsorted(bounds_s, looks["start_s"], side="right") for bounds_s in np.array(closures).reshape(-1, 2).T
    )
    opened = looks[(looks["openness"] >= LEAST_OPEN) & (closed == reopened)]
    if not len(opened):
        return [NOT_VISIBLE] * len(looks)
    places = np.searchsorted(opened["start_s"], looks["start_s"])[:, None] + np.arange(_MEDIAN) - _MEDIAN // 2
    near, is_there = opened[np.clip(places, 0, len(opened) - 1)], (places >= 0) & (places < len(opened))
    since_s = np.where(is_there, np.abs(near["start_s"] - looks["start_s"][:, None]), np.inf).min(axis=1)
    yaws, pitches = (np.nanmedian(np.where(is_there, near[name], np.nan), axis=1).tolist() for name in ("yaw", "pitch"))
    is_seen = (~np.isnan(looks["openness"]) & (since_s <= LONGEST_S / 2)).tolist()
    return [direction(yaw, pitch) if seen else NOT_VISIBLE for yaw, pitch, seen in zip(yaws, pitches, is_seen, strict=True)]


def direction(yaw: float, pitch: float) -> str:
    """Name of a gaze direction in the picture, angles in degrees."""
    if np.hypot(yaw, pitch) <= CONTACT_DEGREES:
        return "camera"
    if abs(yaw) >= abs(pitch):
        return "right" if yaw > 0 else "left"
    return "up" if pitch > 0 else "down"
