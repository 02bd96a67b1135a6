"""Where the apps for vertical clips put their own buttons and captions.

As fractions of a 9:16 picture, drawn from the margins that are published for 1080 x 1920 pixels. Instagram Reels: 14 % of
the top and 35 % of the bottom (Meta Business Help Center, safe zones for ads in Reels). YouTube Shorts: 288 pixels of the top,
672 of the bottom, 192 on the right (Google Ads Help, Shorts ads). TikTok: the safe zone file of its in-feed ads keeps about
130 pixels of the top, 484 of the bottom and 140 on the right. Each app changes them now and then; long captions reach higher.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from reelscope_vision.tracking.boxes import Boxes, intersection

MOST_ASPECT: Final = 0.65
"""Width over height up to which a clip fills a phone's screen in these apps: 9:16 is 0.56; 3:4 already gets bars."""

_RAIL_TOP: Final = 0.4
"""The buttons stand above each other from the thumb's reach, a little above the middle, down to the caption."""

ZONES: Final[dict[str, tuple[float, float, float, float]]] = {
    "tiktok_top_bar": (0.0, 0.0, 1.0, 130 / 1920),
    "tiktok_right_rail": (1 - 140 / 1080, _RAIL_TOP, 140 / 1080, 1 - 484 / 1920 - _RAIL_TOP),
    "tiktok_bottom_caption": (0.0, 1 - 484 / 1920, 1.0, 484 / 1920),
    "reels_top_bar": (0.0, 0.0, 1.0, 0.14),
    "reels_right_rail": (1 - 140 / 1080, _RAIL_TOP, 140 / 1080, 1 - 0.35 - _RAIL_TOP),
    "reels_bottom_caption": (0.0, 1 - 0.35, 1.0, 0.35),
    "shorts_top_bar": (0.0, 0.0, 1.0, 288 / 1920),
    "shorts_right_rail": (1 - 192 / 1080, _RAIL_TOP, 192 / 1080, 1 - 672 / 1920 - _RAIL_TOP),
    "shorts_bottom_caption": (0.0, 1 - 672 / 1920, 1.0, 672 / 1920),
}
"""x, y, width and height by app and zone; those of one app don't overlap. Meta states only the margin beside the buttons of
Reels, 6 %; they are as wide as TikTok's."""

_BOXES: Final[Boxes] = np.array(list(ZONES.values()))


def covered(box: tuple[float, float, float, float]) -> dict[str, float]:
    """Share of a box (x, y, w, h) that each zone covers, in [0,1]; only zones that cover some of it.

    Args:
        box: In picture sizes.
    """
    area = box[2] * box[3]
    if area <= 0:
        return {}
    shares = intersection(np.array([box]), _BOXES)[0] / area
    return {zone: min(1.0, float(share)) for zone, share in zip(ZONES, shares, strict=True) if share > 0}
