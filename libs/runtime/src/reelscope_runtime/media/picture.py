"""From a decoded frame to the pictures that the specifications want: sizes, rotation, colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from reelscope_runtime.media.items import FrameSpec, Image, Placement, letterbox

_UNSPECIFIED = 2
"""AVCOL_SPC_UNSPECIFIED, and the same number for transfer and primaries (ISO/IEC 23091-2)."""

_UNLABELLED = Colorspace.ITU601
"""What an unlabelled picture is taken for, of whatever size. Phones and platforms label what they write. What comes without a
label was mostly made from RGB by FFmpeg, OpenCV or a program built on them, which write BT.601 then, and read it as that."""

_BYTE_BITS = 8

_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Mean over the covered area when shrinking (no aliasing), bilinear when enlarging; rounding not cut for speed."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a coded picture is turned to be shown: mirrored along its axes after an optional transposition.

    Attributes:
        transposed: Rows become columns.
        flipped_x: Mirrored left to right, after the transposition.
        flipped_y: Mirrored top to bottom, after the transposition.
    """

    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise rotation, without the mirroring."""
        if self.transposed:
            return 90 if self.flipped_x else 270
        return 180 if self.flipped_y else 0

    @property
    def mirrored(self) -> bool:
        """Is it a mirror image, as some front cameras mark it?"""
        return self.transposed ^ self.flipped_x ^ self.flipped_y

    def apply(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turns a picture [height, width, channels]; a view."""
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        return picture[:: -1 if self.flipped_y else 1, :: -1 if self.flipped_x else 1]


def orientation(frame: VideoFrame) -> Orientation:
    """Orientation by the display matrix (ISO/IEC 14496-12, 6.2.2), snapped to quarter turns."""
    if frame.rotation == 0 and not _may_be_mirrored(frame):
        return Orientation()
    matrix = _display_matrix(frame)
    if matrix is None:
        return _QUARTERS[round(-frame.rotation / 90) % 4]
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) >= abs(b):
        return Orientation(flipped_x=a < 0, flipped_y=d < 0)
    return Orientation(transposed=True, flipped_x=c < 0, flipped_y=b < 0)


_QUARTERS = (
    Orientation(),
    Orientation(transposed=True, flipped_x=True),
    Orientation(flipped_x=True, flipped_y=True),
    Orientation(transposed=True, flipped_y=True),
)


def _may_be_mirrored(frame: VideoFrame) -> bool:
    matrix = _display_matrix(frame)
    return matrix is not None and (int(matrix[0]) < 0 or int(matrix[4]) < 0)


def _display_matrix(frame: VideoFrame) -> NDArray[np.int32] | None:
    try:
        data: Any = frame.side_data.get("DISPLAYMATRIX")
    except (ValueError, KeyError):  # side data of a kind that PyAV does not know, e.g. EXIF
        return None
    return None if data is None else np.frombuffer(bytes(data), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class Target:
    """What pictures of one specification look like.

    Attributes:
        width: Of the picture that is delivered.
        height: Of the picture that is delivered.
        placement: Where the source lies in it; None: everywhere.
    """

    width: int
    height: int
    placement: Placement | None = None


def target(spec: FrameSpec, width: int, height: int) -> Target:
    """Resolves a specification for media of a displayed size."""
    if spec.fit == "stretch":
        return Target(spec.width, spec.height)
    if spec.fit == "letterbox":
        return Target(spec.width, spec.height, letterbox(width, height, spec.width, spec.height))
    box_width, box_height = spec.width, spec.height
    if height > width:
        box_width, box_height = min(box_width, box_height), max(box_width, box_height)
    scale = min(1.0, box_width / width, box_height / height)
    return Target(max(1, round(width * scale)), max(1, round(height * scale)))


def displayed_size(width: int, height: int, aspect: float, turn: Orientation) -> tuple[int, int]:
    """Width and height as shown: square pixels, then turned. `aspect` is that of a pixel, width over height."""
    width = max(1, round(width * aspect))
    return (height, width) if turn.transposed else (width, height)


class Painter:
    """Converts frames to pictures of one target; keeps its scaler's tables between frames.

    Args:
        goal: What it makes.
        threads: Threads of the decoder: half of them scale, for the next frames are decoded meanwhile, and sharing a picture
            among them costs a tenth more.
    """

    def __init__(self, goal: Target, threads: int) -> None:
        self._goal = goal
        self._threads = max(1, threads // 2)
        self._scaler = VideoReformatter()

    def paint(self, frame: VideoFrame, turn: Orientation) -> Image:
        """The picture, contiguous [height, width, 3] RGB.

        Raises:
            av.FFmpegError: The frame's pixel format can't be converted.
        """
        goal = self._goal
        inner = goal.placement
        width, height = (inner.width, inner.height) if inner else (goal.width, goal.height)
        coded_width, coded_height = (height, width) if turn.transposed else (width, height)
        picture = turn.apply(self._scaled(frame, coded_width, coded_height))
        if inner is None:
            return np.ascontiguousarray(picture)
        canvas = np.zeros((goal.height, goal.width, 3), np.uint8)
        canvas[inner.top : inner.top + height, inner.left : inner.left + width] = picture
        return canvas

    def _scaled(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        has_alpha = any(component.is_alpha for component in frame.format.components)
        pixel_format = "rgba" if has_alpha else "rgb24" if _is_coarse(frame) else "gbrp"
        try:
            picture = pixels(self._convert(frame, width, height, pixel_format))
        except (av.FFmpegError, ValueError):
            # The scaler refuses some extreme ratios: convert at the source's size, then pick pixels.
            whole = pixels(self._convert(frame, frame.width, frame.height, pixel_format))
            rows = (np.arange(height) * 2 + 1) * frame.height // (2 * height)
            columns = (np.arange(width) * 2 + 1) * frame.width // (2 * width)
            picture = whole[rows[:, None], columns]
        if has_alpha:
            opacity = picture[..., 3:].astype(np.uint16)
            picture = ((picture[..., :3] * opacity + 127) // 255).astype(np.uint8)
        return picture

    def _convert(self, frame: VideoFrame, width: int, height: int, pixel_format: str) -> VideoFrame:
        return self._scaler.reformat(
            frame,
            width,
            height,
            pixel_format,
            src_colorspace=_matrix(frame),
            interpolation=_SCALING,
            threads=self._threads,
        )


def _matrix(frame: VideoFrame) -> int | None:
    return _UNLABELLED if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb else None


def _is_coarse(frame: VideoFrame) -> bool:
    """Whether colours have fewer than 8 bits: of those the scaler makes planes whose white is not white."""
    return frame.format.is_rgb and any(component.bits < _BYTE_BITS for component in frame.format.components)


def pixels(frame: VideoFrame) -> NDArray[np.uint8]:
    """An 8-bit RGB frame as [height, width, channels], without its row padding.

    Planes in the order green, blue, red are what the scaler makes fastest: in half of the time of pixels, and at most one grey
    level away from them.
    """
    if frame.format.name != "gbrp":
        return _rows(frame, 0, len(frame.format.components))
    picture = np.empty((frame.height, frame.width, 3), np.uint8)
    for plane, channel in enumerate((1, 2, 0)):
        picture[..., channel] = _rows(frame, plane, 1)[..., 0]
    return picture


def _rows(frame: VideoFrame, plane: int, channels: int) -> NDArray[np.uint8]:
    """One plane as [height, width, channels]; a view."""
    data = frame.planes[plane]
    rows = np.frombuffer(memoryview(data), np.uint8).reshape(-1, data.line_size)
    picture: NDArray[np.uint8] = rows[: frame.height, : frame.width * channels]
    return picture.reshape(frame.height, frame.width, channels)
