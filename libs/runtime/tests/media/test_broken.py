from __future__ import annotations

import os
import random
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import clips
import pytest

from reelscope_runtime.errors import MediaError, MediaTooLargeError, NotFoundError, ServiceError
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.media.items import AudioSpec, FrameSpec, Spec
from reelscope_runtime.settings import MediaSettings

SPECS: dict[str, Spec] = {"v": FrameSpec(48, 27, fit="stretch"), "b": FrameSpec(64, 64, 5.0, "letterbox"), "a": AudioSpec()}
TYPED = {
    "media_empty", "media_not_media", "media_truncated", "media_encrypted", "media_no_streams", "media_no_frames",
    "media_too_large", "media_unreadable", "media_decoder_crashed", "media_decoder_stalled",
}  # fmt: skip
LONGEST_S = 5.0
"""By the brief; the spare's start may come on top on a busy machine, so fuzzing measures decoding alone."""


def consume(host: MediaHost, path: Path) -> str:
    """Probes and decodes to the end: the error's code, or "" where all went well."""
    try:
        info = host.probe(path)
        with host.decode(path, info, SPECS) as decoding:
            last = dict.fromkeys(SPECS, 0.0)
            for key, item in decoding:
                assert item.time_s >= last[key] - 1e-9
                assert item.end_s >= item.time_s
                last[key] = item.time_s
    except MediaError as error:
        return "retryable" if error.retryable or not error.reason else error.error_code
    return ""


def code(host: MediaHost, path: Path) -> str:
    with pytest.raises(ServiceError) as caught:
        host.probe(path)
    return caught.value.error_code


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    pictures = [clips.quadrants(), clips.gray(80)] * 10
    return clips.make(
        tmp_path / "clip.mp4",
        pictures,
        codec="libx264",
        pixel_format="yuv420p",
        tracks=[clips.Track(clips.tone(0.8), codec="aac")],
    )


def test_what_is_no_file(host: MediaHost, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        host.probe(tmp_path / "none.mp4")
    assert code(host, tmp_path) == "media_unreadable"
    assert code(host, Path("/dev/zero")) == "media_unreadable"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert code(host, fifo) == "media_unreadable"
    assert code(host, Path("/etc/passwd")) == "media_not_media"


def test_empty_and_text(host: MediaHost, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert code(host, tmp_path / "empty.mp4") == "media_empty"
    for name, content in {
        "a.mp4": b"This is no video.\n" * 300,
        "b.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "c.txt": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "d.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "e.mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
        "img%03d.jpg": b"no picture",
        "f.zip": b"PK\x03\x04" + bytes(500),
        "g.html": b"<!DOCTYPE html><html><body>404</body></html>",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert code(host, tmp_path / name) == "media_not_media", name


def test_a_name_means_nothing(host: MediaHost, clip: Path) -> None:
    odd = clip.with_name("-i %03d|file:&?*.m3u8")
    clip.rename(odd)
    assert host.probe(odd).video.codec == "h264"


def test_cut_before_its_index(host: MediaHost, clip: Path) -> None:
    content = clip.read_bytes()
    assert content.find(b"moov") > content.find(b"mdat")
    clip.write_bytes(content[: content.find(b"moov") - 10])
    assert code(host, clip) == "media_truncated"


def test_cut_after_its_index(host: MediaHost, tmp_path: Path) -> None:
    """The index first, half of the frames gone: what is there is decoded, and the warning says how much it is."""
    pictures = [clips.gray(n % 200) for n in range(100)]
    path = clips.make(tmp_path / "half.mkv", pictures, codec="mpeg4", pixel_format="yuv420p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    info = host.probe(path)
    with host.decode(path, info, SPECS) as decoding:
        count = sum(1 for key, _ in decoding if key == "v")
    assert 20 < count < 80
    assert decoding.video_end_s < 3.3
    assert any("video ends early" in warning for warning in decoding.warnings)


def test_a_header_that_claims_a_huge_picture(settings: MediaSettings, tmp_path: Path) -> None:
    """Refused by its header: with 64 MiB to spend, nothing of 12336 x 12336 pixels can have been allocated."""
    path = clips.make(tmp_path / "h.mkv", [clips.gray(1, 300, 301)])
    content = path.read_bytes()
    for element, size in ((b"\xb0\x82", 300), (b"\xba\x82", 301)):  # PixelWidth, PixelHeight (RFC 9559)
        assert element + size.to_bytes(2, "big") in content
        content = content.replace(element + size.to_bytes(2, "big"), element + (12336).to_bytes(2, "big"), 1)
    path.write_bytes(content)
    with (
        MediaHost(settings.model_copy(update={"child_memory_bytes": 64 * 2**20})) as host,
        pytest.raises(MediaTooLargeError, match="12336") as caught,
    ):
        host.probe(path)
    assert caught.value.error_code == "media_too_large"


def test_a_huge_still_picture(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "s.png", [clips.gray(1)], codec="png", pixel_format="rgb24")
    content = bytearray(path.read_bytes())
    content[16:24] = (12336).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)
    assert code(host, path) == "media_too_large"


def test_too_long(settings: MediaSettings, clip: Path) -> None:
    with MediaHost(settings.model_copy(update={"max_duration_s": 0.5})) as host:
        assert code(host, clip) == "media_too_large"


def test_too_little_memory(settings: MediaSettings, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "b.mkv", [clips.gray(1, 3840, 2160)])
    with MediaHost(settings.model_copy(update={"child_memory_bytes": 2**20})) as host:
        assert code(host, path) == "media_decoder_crashed"


def test_undecodable_video_with_good_audio(host: MediaHost, clip: Path) -> None:
    content = bytearray(clip.read_bytes())
    at = content.find(b"avcC")
    content = content.replace(b"avc1", b"zzz1")
    assert at > 0
    clip.write_bytes(content)
    info = host.probe(clip)
    assert not info.HasField("video")
    assert info.HasField("audio")
    assert any("video stream" in warning for warning in info.warnings)


def test_every_shared_file_is_decoded_or_refused(host: MediaHost, shared: Callable[[str], Path]) -> None:
    for folder in ("malformed_and_codecs", "derived"):
        for path in sorted(shared(folder).iterdir()):
            started_s = time.monotonic()
            assert consume(host, path) in {"", *TYPED}, path
            assert time.monotonic() - started_s < 2 * LONGEST_S, path  # twice: the machine may be busy


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("derived/zero_length.mp4", "media_empty"),
        ("derived/not_media.mp4", "media_not_media"),
        ("derived/truncated_latentsync.mp4", "media_truncated"),
        ("malformed_and_codecs/mp4parse_bipbop_480wp_1001kbps-cenc-video-key1-init.mp4", "media_encrypted"),
        ("malformed_and_codecs/mp4parse_invalid_userdata.mp4", "media_truncated"),
        ("malformed_and_codecs/mp4parse_chunk_out_of_range.mp4", "media_unreadable"),
    ],
)
def test_shared_broken_files_have_their_codes(host: MediaHost, shared: Callable[[str], Path], name: str, expected: str) -> None:
    assert code(host, shared(name)) == expected


@pytest.mark.parametrize(
    ("name", "frames", "size"),
    [
        ("malformed_and_codecs/moviepy_bitmap.mp4", 5, (1, 1)),
        ("malformed_and_codecs/torchcodec_av1_video.mkv", 125, (640, 360)),
        ("malformed_and_codecs/torchcodec_h265_10bits.mp4", 30, (200, 200)),
        ("malformed_and_codecs/moviepy_transparent.webm", 150, (200, 200)),
        ("malformed_and_codecs/psd_delayed_start.mp4", 24, (480, 320)),
        ("malformed_and_codecs/mp4parse_video_rotation_90.mp4", 1, (60, 100)),
        ("derived/rotated90_metadata_noaudio.mp4", 289, (720, 1280)),
        ("derived/hdr10_tagged_10bit_hevc_vertical.mp4", 65, (540, 960)),
        ("talking/grid_bbaf2n.mpg", 75, (360, 288)),
    ],
)
def test_shared_files_are_decoded_whole(
    host: MediaHost, shared: Callable[[str], Path], name: str, frames: int, size: tuple[int, int]
) -> None:
    path = shared(name)
    info = host.probe(path)
    assert (info.video.width, info.video.height) == size
    if "delayed" in name:
        assert info.video.start_s == pytest.approx(1.075)
    with host.decode(path, info, {"v": FrameSpec(16, 16)}) as decoding:
        items = [item for _, item in decoding]
    assert len(items) == decoding.frames_decoded == frames
    assert items[0].time_s == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_fuzz(seed: int, host: MediaHost, tmp_path: Path, clip: Path) -> None:
    """Flipped and cut bytes: always a result or a typed error, never a hang."""
    webm = clips.make(
        tmp_path / "w.mkv",
        [clips.quadrants()] * 5,
        codec="mpeg4",
        pixel_format="yuv420p",
        tracks=[clips.Track(clips.tone(0.2))],
    )
    chance = random.Random(20240607 + seed)
    seen: dict[str, int] = {}
    for number in range(30):
        content = bytearray((clip if number % 2 else webm).read_bytes())
        if number % 3 == 0:
            del content[chance.randrange(8, len(content)) :]
        for _ in range(chance.choice([1, 4, 30])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path = tmp_path / "fuzz"
        path.write_bytes(content)
        try:
            result = consume(host, path)
        except BaseException:
            (tmp_path / f"failed-{number}").write_bytes(content)
            raise
        assert result in {"", *TYPED} - {"media_decoder_stalled"}, number
        seen[result] = seen.get(result, 0) + 1
    assert seen[""] > 3
    assert len(seen) > 1
