from __future__ import annotations

from pathlib import Path

import clips
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_runtime.media.host import Decoding, MediaHost
from reelscope_runtime.media.items import AudioSpec, FrameSpec, Spec

NATIVE = AudioSpec(None, mono=False)


def run(host: MediaHost, path: Path, **specs: Spec) -> tuple[dict[str, NDArray[np.float32]], Decoding]:
    """The whole audio of each specification; its chunks must join without a gap."""
    info = host.probe(path)
    parts: dict[str, list[NDArray[np.float32]]] = {key: [] for key in specs}
    ends: dict[str, tuple[int, float]] = {}
    with host.decode(path, info, specs) as decoding:
        for key, item in decoding:
            if item.source != "audio":
                continue
            index, end_s = ends.get(key, (0, 0.0))
            assert item.index == index
            assert item.time_s == pytest.approx(end_s, abs=1e-9)
            ends[key] = index + item.value.shape[1], item.end_s
            parts[key].append(item.value)
    return {key: np.concatenate(part, axis=1) for key, part in parts.items() if part}, decoding


def onset(samples: NDArray[np.float32], rate: int) -> float:
    """Seconds of the first sample that is not silence."""
    return float(np.argmax(np.abs(samples).max(axis=0) > 0.05)) / rate


def test_native_samples_are_exact(host: MediaHost, tmp_path: Path) -> None:
    sound = clips.tone(1.3, rate=44100, channels=2)
    sound[1] *= 0.5
    path = clips.make(tmp_path / "n.wav", tracks=[clips.Track(sound, 44100)])
    got, decoding = run(host, path, native=NATIVE, mono=AudioSpec(None))
    expected = np.round(sound * 32767) / 32768
    assert got["native"].shape == sound.shape
    assert np.abs(got["native"] - expected).max() < 1e-6
    assert np.abs(got["mono"] - expected.mean(axis=0)).max() < 1e-6
    assert decoding.audio_end_s == pytest.approx(1.3)
    assert decoding.frames_decoded == 0


def test_mono_16k_keeps_time_and_level(host: MediaHost, tmp_path: Path) -> None:
    """A click at 0.7 s stays there; opposite channels cancel out; a tone keeps its level."""
    sound = np.zeros((2, 96000), np.float32)
    sound[:, 33600:33648] = 0.9
    sound[:, 48000:] = clips.tone(1.0, channels=2)
    path = clips.make(tmp_path / "m.wav", tracks=[clips.Track(sound)])
    got, _ = run(host, path, mono=AudioSpec(), short=AudioSpec(chunk_s=0.1))
    assert abs(got["mono"].shape[1] - 32000) <= 2
    assert np.array_equal(got["mono"], got["short"])
    assert onset(got["mono"], 16000) == pytest.approx(0.7, abs=0.002)
    assert got["mono"][0, 20000:30000].std() == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_chunks_have_their_length(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "c.wav", tracks=[clips.Track(clips.tone(2.5))])
    info = host.probe(path)
    with host.decode(path, info, {"a": AudioSpec(chunk_s=1.0)}) as decoding:
        lengths = [item.value.shape for _, item in decoding]
    assert lengths[:2] == [(1, 16000)] * 2
    assert len(lengths) == 3
    assert abs(lengths[2][1] - 8000) <= 2


@pytest.mark.parametrize("start_s", [0.0, 0.5, 1.7])
def test_late_audio_is_preceded_by_silence(host: MediaHost, tmp_path: Path, start_s: float) -> None:
    path = clips.make(tmp_path / "l.mkv", [clips.gray(50)] * 75, tracks=[clips.Track(clips.tone(1.0), start_s=start_s)])
    got, decoding = run(host, path, a=AudioSpec(), n=NATIVE)
    assert onset(got["n"], 48000) == pytest.approx(start_s, abs=0.002)
    assert onset(got["a"], 16000) == pytest.approx(start_s, abs=0.003)
    assert decoding.audio_end_s == pytest.approx(start_s + 1.0, abs=0.002)


def test_audio_before_the_first_frame_is_dropped(host: MediaHost, tmp_path: Path) -> None:
    """Video starts at 0.5 s: a click at 0.8 s of the container is at 0.3 s of the media."""
    sound = np.zeros((1, 72000), np.float32)
    sound[:, 38400:38500] = 0.9
    times = [0.5 + n / 25 for n in range(25)]
    path = clips.make(tmp_path / "e.mkv", [clips.gray(50)] * 25, times, tracks=[clips.Track(sound)])
    info = host.probe(path)
    assert info.video.start_s == pytest.approx(0.5)
    got, _ = run(host, path, a=AudioSpec(), f=FrameSpec(8, 8))
    assert onset(got["a"], 16000) == pytest.approx(0.3, abs=0.003)
    assert got["a"].shape[1] == pytest.approx(16000, abs=10)  # the container rounds times to 1 ms


def test_a_hole_is_silence(host: MediaHost, tmp_path: Path) -> None:
    """Two pieces of one stream, 0.4 s apart by their timestamps."""
    path = clips.make_with_hole(tmp_path / "h.mkv", clips.tone(0.5), clips.tone(0.5), hole_s=0.4)
    got, decoding = run(host, path, n=NATIVE)
    assert got["n"].shape[1] == pytest.approx(1.4 * 48000, abs=100)
    assert np.abs(got["n"][0, round(0.52 * 48000) : round(0.88 * 48000)]).max() == 0
    assert onset(got["n"][:, round(0.6 * 48000) :], 48000) == pytest.approx(0.3, abs=0.003)
    assert decoding.audio_end_s == pytest.approx(1.4, abs=0.003)


def test_peaks_above_full_scale_stay(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "p.mka", tracks=[clips.Track(clips.tone(0.5), codec="pcm_f32le")])
    got, _ = run(host, path, n=NATIVE)
    assert got["n"].max() == pytest.approx(0.5, abs=1e-3)
    loud = clips.make_float(tmp_path / "l.mka", 3.0 * clips.tone(0.5))
    got, _ = run(host, loud, n=NATIVE, a=AudioSpec())
    assert got["n"].max() == pytest.approx(1.5, abs=1e-3)
    assert got["a"].max() > 1.4


def test_audio_alone_does_not_decode_video(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "b.mkv", [clips.gray(50)] * 25, tracks=[clips.Track(clips.tone(1.0))])
    _, decoding = run(host, path, a=AudioSpec())
    assert decoding.frames_decoded == 0
    assert decoding.audio_end_s == pytest.approx(1.0, abs=0.003)


def test_wanting_what_is_not_there_gives_nothing(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "v.mkv", [clips.gray(50)] * 5)
    got, decoding = run(host, path, a=AudioSpec())
    assert not got
    assert decoding.frames_decoded == 0
