"""Feature "hand_tracks": the hands that are worth telling of, in tracks that end at cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reelscope_vision.features.hands import SAMPLED_RATE
from reelscope_vision.features.settled_tracks import SettledTracks
from reelscope_vision.hands.hand import FrameHands


class HandTracks(SettledTracks):
    """Frames as "hands" gives them."""

    name = "hand_tracks"
    version = "2"
    # Shots first: of a cut and a frame at the same time, the frame belongs to the new shot.
    requires = ("shots", "hands")
    sampled_rate = SAMPLED_RATE

    def raw_tracks(self, frame: FrameHands) -> Sequence[int]:
        """Of the hands."""
        return [hand.track for hand in frame.hands]

    def renumbered(self, frame: FrameHands, tracks: Mapping[int, int]) -> FrameHands:
        """With the hands that are told of."""
        return replace(frame, hands=tuple(replace(one, track=tracks[one.track]) for one in frame.hands if one.track in tracks))
