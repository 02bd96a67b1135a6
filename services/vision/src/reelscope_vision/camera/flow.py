"""How the background moves from one sampled picture to the next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """The motion of the content, from the previous sampled picture to this one: value of the items of the feature "flow".

    Attributes:
        since_s: Time of the previous picture; the item's `time_s` is that of the picture itself.
        x: Frame widths a second, of the picture's middle; to the right.
        y: Frame heights a second; down.
        zoom: Growth a second: 0.1 is 10 % larger after a second.
        roll: Degrees a second, clockwise.
        growth: Like `zoom`, of everything in the picture, people included; 0 while the background rests, and where that is
            hidden unless nearly all of the picture moves as one.
        support: Share of the background's corners that agree, in [0,1].
        known: Whether there was enough background to tell, and not only a title on a plain ground; all is 0 otherwise.
        aspect: Width over height of the picture.
    """

    since_s: float
    x: float
    y: float
    zoom: float
    roll: float
    growth: float
    support: float
    known: bool
    aspect: float
