"""Feature "face_tracks": the faces that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.features.settled_tracks import SettledTracks

SURE: Final = 0.7
"""Best score of a track of the detector, whose threshold is 0.6: a rocket's nose and a dog's belly reach 0.69, and faces that
are tilted, small or in tears 0.73 and more."""


class FaceTracks(SettledTracks):
    """Frames as "faces" gives them; `person_id` joins the same person's tracks."""

    name = "face_tracks"
    version = "2"
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "faces")
    sampled_rate = SEEN.fps or math.inf

    def raw_tracks(self, frame: FrameFaces) -> Sequence[int]:
        """Of the faces."""
        return [face.track for face in frame.faces]

    def sure_tracks(self, frame: FrameFaces) -> Collection[int]:
        """Those that the detector is sure of."""
        return {face.track for face in frame.faces if face.score >= SURE}

    def renumbered(self, frame: FrameFaces, tracks: Mapping[int, int]) -> FrameFaces:
        """With the faces that are told of."""
        return replace(frame, faces=tuple(replace(one, track=tracks[one.track]) for one in frame.faces if one.track in tracks))
