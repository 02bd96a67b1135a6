"""Which pictures the features look at."""

from __future__ import annotations

from typing import Final

from reelscope_runtime.media.items import FrameSpec

SEEN: Final = FrameSpec(720, 720, fps=30.0)
"""What faces, persons and hands are looked for in: large enough for the eyes of a speaker who fills a third of a vertical
clip's width, and the one size that all of them share, so that the decoder scales each frame once."""
