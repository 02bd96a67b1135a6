"""Feature "face_tracks": the faces that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reelscope_vision.faces.face import FrameFaces
from reelscope_vision.features.pictures import SEEN
from reelscope_vision.features.settled_tracks import SettledTracks


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

    def renumbered(self, frame: FrameFaces, tracks: Mapping[int, int]) -> FrameFaces:
        """With the faces that are told of."""
        return replace(frame, faces=tuple(replace(one, track=tracks[one.track]) for one in frame.faces if one.track in tracks))
