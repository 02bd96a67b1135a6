"""Opens untrusted media, in the decoder process only: known containers of one local file, nothing that leads elsewhere."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer

LOG_FD = 2
"""FFmpeg and glibc write here; the host gives a small in-memory file."""

_LOG_TAIL_BYTES = 16384

# Demuxers for files as people send them. Left out on purpose: everything that opens further files or addresses (hls, dash,
# concat, image2 patterns, sdp, rtsp, imf), devices, and raw formats that match any bytes.
FORMATS = (
    "aac,ac3,aiff,amr,ape,apng,asf,au,av1,avi,bmp_pipe,caf,dts,dtshd,dv,eac3,flac,flv,gif,h263,h264,hevc,ivf,jpeg_pipe,"
    "jpegxl_pipe,m4v,matroska,mjpeg,mov,mp3,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,png_pipe,rm,tak,tiff_pipe,truehd,tta,"
    "vvc,w64,wav,webp_pipe,wtv,wv,yuv4mpegpipe"
)


class RefusedError(Exception):
    """The media can't be used; goes to the host as it stands."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder may take on, from the settings of the host."""

    max_pixels: int
    max_duration_s: float
    threads: int


def log_tail() -> str:
    """The end of what FFmpeg said so far."""
    try:
        size = os.fstat(LOG_FD).st_size
        return os.pread(LOG_FD, _LOG_TAIL_BYTES, max(0, size - _LOG_TAIL_BYTES)).decode(errors="replace")
    except OSError:  # a terminal or a pipe: run by hand
        return ""


def open_media(path: str, limits: Limits, *, hwaccel: HWAccel | None = None) -> InputContainer:
    """Opens a file by its content alone: neither its name nor what stands in it makes FFmpeg open anything else.

    Raises:
        RefusedError: It is no regular file, or no media, or broken.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise RefusedError("media_unreadable", "not a regular file")
        return av.open(
            f"file:/proc/self/fd/{fd}",
            options={"max_pixels": str(limits.max_pixels)},
            container_options={
                "protocol_whitelist": "file",
                "format_whitelist": FORMATS,
                "max_streams": "64",
            },
            metadata_errors="replace",
            hwaccel=hwaccel,
        )
    except av.FFmpegError as error:
        raise refusal(path, limits, error) from error
    finally:
        os.close(fd)  # FFmpeg has opened the same file anew through it


def refusal(path: str, limits: Limits, error: av.FFmpegError) -> RefusedError:
    """What an error at opening means, from FFmpeg's log and the file's first bytes."""
    log = log_tail()
    large = too_large(log, limits)
    if large is not None:
        return large
    if "moov atom not found" in log and _is_known_container(path):
        return RefusedError("media_truncated", "the file is cut off: its index (moov atom) is missing; send the whole file")
    if isinstance(error, av.error.EOFError):
        return RefusedError("media_truncated", "the file ends before its first picture or sound; send the whole file")
    if not _is_known_container(path):
        return RefusedError(
            "media_not_media", "neither a video nor an audio file (no known container); send mp4, mov, webm, mkv, mp3, wav …"
        )
    return RefusedError("media_unreadable", f"broken or of an unknown kind: {_last_line(log) or error.strerror}")


def too_large(log: str, limits: Limits) -> RefusedError | None:
    """The refusal, if FFmpeg's log says that it did not take a picture for its size (av_image_check_size2)."""
    if "max pixel count" not in log and "Picture size" not in log:
        return None
    size = re.search(r"Picture size (\d+)x(\d+)", log)
    what = f"a picture of {size[1]} x {size[2]}" if size else "a picture"
    return RefusedError("media_too_large", f"{what} has more than {limits.max_pixels} pixels")


def _last_line(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return lines[-1].strip()[-300:] if lines else ""


_BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"styp", b"sidx", b"pnot"}
_MAGIC = (
    b"\x1aE\xdf\xa3", b"RIFF", b"RF64", b"OggS", b"fLaC", b"ID3", b"FLV", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3",
    b"\x00\x00\x00\x01", b"\x00\x00\x01", b"#!AMR", b"FORM", b"caff", b"GIF8", b"\x89PNG", b"\xff\xd8\xff", b"BM", b"MAC ",
    b"0&\xb2u", b".RMF", b"wvpk", b"TTA1", b".snd", b"DKIF", b"YUV4MPEG", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"\xff\xf9",
    b"\x0bw", b"II*\x00", b"MM\x00*", b"\x0a\x0b",
)  # fmt: skip


def _is_known_container(path: str) -> bool:
    with Path(path).open("rb") as file:
        head = file.read(16)
    return head[4:8] in _BOXES or head.startswith(_MAGIC) or head[:1] == b"G"


_MOOV_MAX_BYTES = 16 * 2**20


def declares_encryption(path: str) -> bool:
    """Does an MP4's index name encrypted sample entries (ISO/IEC 23001-7)? FFmpeg hides them behind the original codec."""
    with Path(path).open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        while at + 8 <= end:
            file.seek(at)
            head = file.read(16)
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            if kind == b"moov":
                file.seek(at)
                box = file.read(min(size or _MOOV_MAX_BYTES, _MOOV_MAX_BYTES))
                return (b"encv" in box or b"enca" in box) and b"sinf" in box
            if size < 8:  # noqa: PLR2004 - a box's own header
                return False
            at += size
    return False
