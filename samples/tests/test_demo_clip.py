"""The committed clip holds what its truth says."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

SAMPLES = Path(__file__).parents[1]
HARD_CUT_CHANGE = 20.0  # mean grey levels: cuts change a frame by 60 or more, camera moves by less than 8
BLACK = 2.0  # mean grey levels: what H.264 may leave of black


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    """Return the truth."""
    known: dict[str, Any] = json.loads((SAMPLES / "demo.truth.json").read_text(encoding="utf-8"))
    return known


@pytest.fixture(scope="module")
def grey() -> npt.NDArray[np.float32]:
    """Return the frames, an eighth of their size: shape (frames, height, width), grey levels 0 to 255."""
    with av.open(str(SAMPLES / "demo.mp4")) as container:
        decoded = container.decode(video=0)
        frames = [frame.reformat(width=90, height=160, format="gray").to_ndarray() for frame in decoded]
    return np.asarray(frames, dtype=np.float32)


def test_streams_are_as_stated(truth: dict[str, Any]) -> None:
    with av.open(str(SAMPLES / "demo.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (truth["width"], truth["height"])
        assert video.frames == truth["frames"]
        assert video.average_rate == truth["fps"]
        assert (video.codec_context.name, video.pix_fmt) == ("h264", "yuv420p")
        assert (audio.codec_context.name, audio.sample_rate, audio.layout.name) == ("aac", 44_100, "stereo")


def test_only_hard_cuts_change_at_once(truth: dict[str, Any], grey: npt.NDArray[np.float32]) -> None:
    change = np.abs(np.diff(grey, axis=0)).mean(axis=(1, 2))
    cuts = [cut["frame"] for cut in truth["cuts"] if cut["kind"] == "hard"]
    assert [int(i) + 1 for i in np.flatnonzero(change > HARD_CUT_CHANGE)] == cuts


def test_fade_darkens_to_black(truth: dict[str, Any], grey: npt.NDArray[np.float32]) -> None:
    fade = next(cut for cut in truth["cuts"] if cut["kind"] == "fade")
    levels = grey.mean(axis=(1, 2))
    assert levels[fade["last_frame"]] < BLACK
    assert levels[fade["frame"] - 1] > 3 * BLACK


def test_texts_are_bright_inside_their_boxes(truth: dict[str, Any], grey: npt.NDArray[np.float32]) -> None:
    height, width = grey.shape[1:]
    for text in truth["texts"]:
        x, y, w, h = text["box"]
        columns = slice(round(x * width), round((x + w) * width))
        rows = slice(round(y * height), round((y + h) * height))
        crop = grey[(text["first_full_frame"] + text["last_full_frame"]) // 2, rows, columns]
        assert crop.max() > 170, text["text"]  # white or yellow letters, even when made eight times smaller
        assert np.ptp(crop) > 90, text["text"]  # and their dark outline


def test_words_are_spoken_under_their_captions(truth: dict[str, Any]) -> None:
    captions = " ".join(text["text"] for text in truth["texts"] if text["kind"] == "caption")
    assert captions.replace(",", "").replace(".", "").split() == [word["text"] for word in truth["words"]]
    starts = [word["start_s"] for word in truth["words"]]
    assert starts == sorted(starts)
    assert truth["words"][-1]["end_s"] < truth["duration_s"]
