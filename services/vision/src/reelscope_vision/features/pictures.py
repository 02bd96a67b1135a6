"""Which pictures the features look at."""

from __future__ import annotations

from typing import Final

from reelscope_runtime.media.items import FrameSpec


def seen(rate: float) -> FrameSpec:
    """Pictures that faces, persons and hands are looked for in, so many a second.

    Large enough for the eyes of a speaker who fills a third of a vertical clip's width, and the one size that all of them
    share: the decoder scales each frame once, however many want it.
    """
    return FrameSpec(720, 720, fps=rate)


SEEN: Final = seen(30.0)
"""For what takes no longer than a frame: a blink, a flash, the first frame of a caption."""
