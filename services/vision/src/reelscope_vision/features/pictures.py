"""Which pictures the features look at."""

from __future__ import annotations

from typing import Final

from reelscope_runtime.media.items import FrameSpec


def pictures_at(rate: float) -> FrameSpec:
    """Pictures in which people, their faces and hands are looked for, `rate` of them a second, and all else that has no size of
    its own.

    Large enough for the eyes of a speaker who fills a third of a vertical clip's width, and the one size that all of them
    share: the decoder scales each frame once, however many want it.
    """
    return FrameSpec(720, 720, fps=rate)


SEEN: Final = pictures_at(30.0)
"""For what takes no longer than a frame: a blink, a flash, the first frame of a caption."""
