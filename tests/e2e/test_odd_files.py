"""Odd, broken and hostile files through the front door: each gives a document or a typed, readable error, and no stuck job."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from google.protobuf import json_format

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_cli.client import ReelscopeClient
from reelscope_runtime.contract import invalid_values
from reelscope_runtime.errors import MediaError
from support.jobs import Watched
from support.stack import RunningStack

SHARED = Path(__file__).resolve().parents[3] / "shared" / "media"
FILES = sorted(path for folder in ("malformed_and_codecs", "derived") for path in (SHARED / folder).glob("*.*"))
REFUSED_WITHIN_S = 5.0
"""A promise to users, not a speed."""
UNREADABLE = {"zero_length.mp4", "not_media.mp4", "truncated_latentsync.mp4", "moviepy_result.webm"}
READABLE = {
    "audio_only_jfk.mp4",
    "hdr10_tagged_10bit_hevc_vertical.mp4",
    "moviepy_bitmap.mp4",
    "moviepy_transparent.webm",
    "mp4parse_video_rotation_90.mp4",
    "psd_delayed_start.mp4",
    "rotated90_metadata_noaudio.mp4",
    "torchcodec_av1_video.mkv",
    "torchcodec_bt709_full_range.mp4",
    "torchcodec_h265_10bits.mp4",
}

pytestmark = pytest.mark.timeout(120)


async def outcome(stack: RunningStack, path: Path) -> AnalysisDocument | MediaError:
    """The document, or the error with which the file was refused."""
    async with ReelscopeClient(stack.url) as client:
        started = time.monotonic()
        try:
            watched = Watched(client, await client.submit_file(path))
        except MediaError as error:
            assert time.monotonic() - started < REFUSED_WITHIN_S
            return error
        job = await watched.run()
        assert job.state == "succeeded", job.problem
        return await watched.document()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_every_odd_file_has_an_answer(path: Path, stack: RunningStack) -> None:
    answer = await outcome(stack, path)
    if isinstance(answer, MediaError):
        assert path.name not in READABLE, answer.reason
        assert answer.error_code.startswith("media_")
        assert len(answer.reason) > 20, "a sentence that says what is wrong"
        return
    assert path.name not in UNREADABLE
    assert not list(invalid_values(answer))
    for name, result in answer.analyzer_results.items():
        assert result.status in {"succeeded", "not_applicable"} or (result.status == "failed" and result.problem.reason), name
        if path.name in READABLE:
            assert result.status != "failed", f"{name}: {result.problem.reason}"
    assert json_format.MessageToJson(answer)


async def test_times_count_from_the_first_shown_frame(stack: RunningStack, shared_media: Path) -> None:
    answer = await outcome(stack, shared_media / "malformed_and_codecs" / "psd_delayed_start.mp4")
    assert isinstance(answer, AnalysisDocument)
    assert answer.metadata.media.video.start_s > 1.0
    assert min(segment.start_s for segment in answer.analyzer_results["color_analysis"].segments) == 0.0


async def test_an_audio_file_has_words_and_no_pictures(stack: RunningStack, shared_media: Path) -> None:
    answer = await outcome(stack, shared_media / "derived" / "audio_only_jfk.mp4")
    assert isinstance(answer, AnalysisDocument)
    assert "ask not what your country" in answer.analyzer_results["speech_transcription"].summary.utterance.text
    assert answer.analyzer_results["cut_analysis"].status == "not_applicable"
    assert answer.metadata.reconstruction_score == 100.0


async def test_a_header_that_claims_a_huge_picture_is_refused(stack: RunningStack, tmp_path: Path) -> None:
    size = struct.pack(">IIBBBBB", 12336, 12336, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")]
    packed = [struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks]
    path = tmp_path / "huge.mp4"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    answer = await outcome(stack, path)
    assert isinstance(answer, MediaError)
    assert answer.error_code == "media_too_large"
    assert "12336" in answer.reason


def zero_second_wav(path: Path) -> None:
    layout = struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)  # PCM, mono, 16 kHz, 16 bits
    path.write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + layout + b"data" + struct.pack("<I", 0))


def zero_second_mp4(path: Path) -> None:
    with av.open(str(path), "w", options={"movflags": "empty_moov"}) as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        output.start_encoding()


@pytest.mark.parametrize("write", [zero_second_wav, zero_second_mp4])
async def test_a_clip_of_no_length_is_refused(write: Callable[[Path], None], stack: RunningStack, tmp_path: Path) -> None:
    write(tmp_path / "zero.mp4")
    answer = await outcome(stack, tmp_path / "zero.mp4")
    assert isinstance(answer, MediaError)
    assert answer.error_code == "media_no_frames"
