"""How much each channel counts in a loudness."""

from __future__ import annotations

from typing import Final

SURROUND: Final = 1.41
"""ITU-R BS.1770-4, table 4: channels 60 to 120 degrees to the side count +1.5 dB."""

_LAYOUTS: Final = {
    "mono": "FC",
    "stereo": "FL FR",
    "downmix": "FL FR",
    "2.1": "FL FR LFE",
    "3.0": "FL FR FC",
    "3.0(back)": "FL FR BC",
    "3.1": "FL FR FC LFE",
    "4.0": "FL FR FC BC",
    "4.1": "FL FR FC LFE BC",
    "quad": "FL FR BL BR",
    "quad(side)": "FL FR SL SR",
    "5.0": "FL FR FC BL BR",
    "5.0(side)": "FL FR FC SL SR",
    "5.1": "FL FR FC LFE BL BR",
    "5.1(side)": "FL FR FC LFE SL SR",
    "6.0": "FL FR FC BC SL SR",
    "6.1": "FL FR FC LFE BC SL SR",
    "6.1(back)": "FL FR FC LFE BL BR BC",
    "7.0": "FL FR FC BL BR SL SR",
    "7.1": "FL FR FC LFE BL BR SL SR",
    "7.1(wide)": "FL FR FC LFE BL BR FLC FRC",
}
"""FFmpeg's layouts in FFmpeg's order of channels."""

_BY_COUNT: Final = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""The usual layout where the file does not name one."""


def loudness_weights(layout: str, channels: int) -> list[float]:
    """Weights of ITU-R BS.1770-4.

    Args:
        layout: FFmpeg's name, e.g. "5.1(side)"; one that is unknown or does not fit is replaced by the usual one.
        channels: Number of channels.

    Returns:
        One weight for each channel: 0 for the low-frequency channel, 1.41 for surrounds, else 1. Back channels count as
        surrounds where there are no side channels, since a 5.1 programme's surrounds are often tagged as back.
    """
    names = _LAYOUTS.get(layout, "").split()
    if len(names) != channels:
        names = _LAYOUTS.get(_BY_COUNT.get(channels, ""), "").split()
    has_sides = "SL" in names
    surrounds = {"SL", "SR"} if has_sides else {"BL", "BR"}
    weights = {"LFE": 0.0} | dict.fromkeys(surrounds, SURROUND)
    return [weights.get(name, 1.0) for name in names] or [1.0] * channels
