from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import clips
import numpy as np
import pytest
from numpy.typing import NDArray

from reelscope_runtime.errors import CancelledError, MediaError, UnavailableError
from reelscope_runtime.media import host as host_module
from reelscope_runtime.media.ahead import AHEAD_BYTES, ReadAhead
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.media.items import AudioSpec, FrameSpec
from reelscope_runtime.process import Child, guarded, spawn, spawn_module
from reelscope_runtime.settings import MediaSettings

EVERY = {"v": FrameSpec(640, 360)}


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes: 4500 frames, whose pictures at 640 x 360 take 3 GB together."""
    path = tmp_path_factory.mktemp("long") / "long.mkv"
    return clips.make(
        path,
        [clips.gray(n % 256, 320, 180) for n in range(4500)],
        codec="mpeg4",
        pixel_format="yuv420p",
        tracks=[clips.Track(clips.tone(180.0, rate=16000), rate=16000)],
    )


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_gone(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        try:
            assert select.select([fd], [], [], 10)[0], f"{pid} lives on"
        finally:
            os.close(fd)


def test_the_child_knows_no_secret(settings: MediaSettings, long_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "REELSCOPE_NATS__URL", "SOME_TOKEN"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    with MediaHost(settings) as host, host.decode(long_clip, host.probe(long_clip), EVERY) as decoding:
        next(decoding)
        environment = Path(f"/proc/{decoding._decoder.child.pid}/environ").read_bytes()
    assert b"secret" not in environment
    given = {entry.split(b"=")[0].decode() for entry in environment.split(b"\0") if entry}
    assert {"PATH", "CUDA_VISIBLE_DEVICES", "OPENBLAS_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"} <= given
    assert not {name for name in given if name.startswith(("AWS_", "REELSCOPE_"))}


def test_it_tells_which_streams_have_ended(host: MediaHost, tmp_path: Path) -> None:
    sound = clips.Track(clips.tone(1.0))
    path = clips.make(tmp_path / "t.mkv", [clips.gray(n) for n in range(75)], tracks=[sound])
    info = host.probe(path)
    with host.decode(path, info, {"a": AudioSpec()}) as decoding:
        next(decoding)
        assert "video" in decoding.ended_streams
    with host.decode(path, info, {**EVERY, "a": AudioSpec()}) as decoding:
        position_s = 0.0
        for _, item in decoding:
            assert item.source not in {{"video": "frames"}.get(kind, kind) for kind in decoding.ended_streams}
            assert decoding.position_s >= position_s
            position_s = decoding.position_s
        assert decoding.ended_streams == {"video", "audio"}


def test_memory_is_bounded_on_both_sides(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    peaks: list[int] = []
    with host.decode(long_clip, info, {**EVERY, "a": AudioSpec()}) as decoding:
        before = rss_bytes(os.getpid())
        for number, _ in enumerate(decoding):
            if number % 200 == 100:
                peaks.append(rss_bytes(decoding._decoder.child.pid))
                assert rss_bytes(os.getpid()) - before < 64 * 2**20
    assert max(peaks) - peaks[0] < 32 * 2**20
    assert decoding.frames_decoded == 4500
    assert decoding.audio_end_s == pytest.approx(180.0, abs=0.01)


def test_a_slow_reader_holds_the_decoder_back(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    with host.decode(long_clip, info, EVERY) as decoding:
        next(decoding)
        # Pictures are larger than the pipe: the child waits in write, and has decoded no more than is read ahead.
        messages = decoding._messages
        with messages._changed:
            assert messages._changed.wait_for(lambda: messages._bytes >= AHEAD_BYTES, timeout=10)
            header, picture = messages._ready[-1]
        assert header["frames"] <= AHEAD_BYTES / len(picture) + 8
        assert decoding.frames_decoded == 1


def test_reading_ahead_has_a_limit_and_tells_of_its_end() -> None:
    taken: list[int] = []
    waits = threading.Event()

    def receive() -> tuple[dict[str, object], NDArray[np.uint8]]:
        if len(taken) == 4:
            waits.set()
            raise MediaError("it broke")
        taken.append(len(taken))
        return {"type": "item", "number": taken[-1]}, np.zeros(AHEAD_BYTES // 2 + 1, np.uint8)

    messages = ReadAhead(receive)
    with messages._changed:
        assert messages._changed.wait_for(lambda: len(messages._ready) == 2, timeout=10)
    assert not waits.is_set()
    assert [messages.next()[0]["number"] for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(MediaError, match="it broke"):
        messages.next()
    with pytest.raises(MediaError, match="any more"):
        messages.next()
    messages.close()


def test_leaving_early_ends_the_child(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    with host.decode(long_clip, info, EVERY) as decoding:
        next(decoding)
        pid = decoding._decoder.child.pid
    assert not is_alive(pid)


def test_cancel_from_another_thread(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    with host.decode(long_clip, info, EVERY) as decoding:
        next(decoding)
        threading.Timer(0.05, decoding.cancel).start()
        with pytest.raises(CancelledError):
            for _ in decoding:
                pass
        with pytest.raises(CancelledError):
            next(decoding)


def test_cancel_before_the_first_item(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    with host.decode(long_clip, info, EVERY) as decoding:
        decoding.cancel()
        with pytest.raises(CancelledError):
            next(decoding)


def test_a_crash_is_typed(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    with host.decode(long_clip, info, EVERY) as decoding:
        next(decoding)
        os.kill(decoding._decoder.child.pid, signal.SIGSEGV)
        with pytest.raises(MediaError, match="-11") as caught:
            for _ in decoding:
                pass
        assert caught.value.error_code == "media_decoder_crashed"
        assert not caught.value.retryable


def test_a_stall_is_typed(settings: MediaSettings, long_clip: Path) -> None:
    with MediaHost(settings.model_copy(update={"stall_timeout_s": 0.3})) as host:
        info = host.probe(long_clip)
        with host.decode(long_clip, info, EVERY) as decoding:
            next(decoding)
            os.kill(decoding._decoder.child.pid, signal.SIGSTOP)
            with pytest.raises(MediaError) as caught:
                for _ in decoding:
                    pass
            assert caught.value.error_code == "media_decoder_stalled"
            wait_gone(decoding._decoder.child.pid)


def test_a_dead_spare_is_replaced(host: MediaHost, long_clip: Path) -> None:
    assert host._spare is not None
    host._spare.child.kill()
    host._spare.child.wait()
    assert host.probe(long_clip).video.width == 320
    assert host._spare.child.returncode is None


def test_the_next_decoder_is_started_after_the_work(host: MediaHost, long_clip: Path) -> None:
    info = host.probe(long_clip)
    with host.decode(long_clip, info, EVERY) as decoding:
        next(decoding)
        assert host._spare is None, "while this one works, the processor is its own"
    assert host._spare is not None
    assert host._spare.child.returncode is None


def test_work_counts_though_no_other_decoder_can_be_started(
    host: MediaHost, long_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Child:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(host_module, "spawn_module", refuse)
    assert host.probe(long_clip).video.width == 320, "the one that was ready did it"
    with pytest.raises(UnavailableError, match="Too many open files"):
        host.probe(long_clip)


def test_many_threads_at_once(host: MediaHost, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "t.mkv", [clips.gray(n) for n in range(20)])
    counts: list[int] = []

    def work() -> None:
        info = host.probe(path)
        with host.decode(path, info, EVERY) as decoding:
            counts.append(sum(1 for _ in decoding))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [20] * 4


def test_a_closed_host_refuses(settings: MediaSettings, tmp_path: Path) -> None:
    path = clips.make(tmp_path / "t.mkv", [clips.gray(1)])
    host = MediaHost(settings)
    host.close()
    host.close()
    with pytest.raises(UnavailableError):
        host.probe(path)


def test_children_outlive_the_thread_that_asked_for_them() -> None:
    """The kernel ties a child to its parent thread; a worker thread that ends must not take it along."""
    started: list[Child] = []

    def work() -> None:
        child = spawn(guarded(["cat"]))
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"1\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"1\n"
        started.append(child)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with started[0] as child:
        assert child.wait(0.3) is None
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"2\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"2\n"
    assert child.returncode == -signal.SIGKILL


def test_a_child_is_reaped_by_itself() -> None:
    child = spawn(["true"])
    assert child.wait(10) == 0
    assert not Path(f"/proc/{child.pid}").exists()
    child.kill()
    child.close()


def test_kill_takes_the_whole_group() -> None:
    with spawn(["sh", "-c", "sleep 1000 & echo $!; wait"]) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
    wait_gone(grandchild)
    assert not is_alive(grandchild)


def test_what_cannot_be_started() -> None:
    with pytest.raises(FileNotFoundError):
        spawn(["/none/such"])
    assert spawn_module("reelscope_runtime.none", stderr=subprocess.DEVNULL).wait(20) == 1


PARENT = """
import sys
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.media.items import FrameSpec
from reelscope_runtime.process import guarded, spawn
from reelscope_runtime.settings import MediaSettings
host = MediaHost(MediaSettings())
info = host.probe(sys.argv[1])
decoding = host.decode(sys.argv[1], info, {"v": FrameSpec(640, 360)})
next(decoding)
host.probe(sys.argv[1])  # after which the next decoder waits
other = spawn(guarded(["sleep", "1000"]))
print(decoding._decoder.child.pid, host._spare.child.pid, other.pid, flush=True)
sys.stdin.read()
"""


def test_children_die_with_a_killed_parent(long_clip: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(long_clip)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)
    parent.kill()
    parent.wait()
    for pid in pids:
        wait_gone(pid)
    parent.stdin.close()
    parent.stdout.close()


def test_a_child_of_a_dead_parent_exits() -> None:
    """The race: the parent has gone before the child could ask to die with it."""
    child = spawn([sys.executable, "-m", "reelscope_runtime.process", "1", "sleep", "1000"])
    assert child.wait(20) == 1
    child.close()


def test_the_child_loads_no_more_than_it_needs() -> None:
    code = "import sys, reelscope_runtime.media.child; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"cv2", "pydantic", "google.protobuf", "grpc", "torch", "structlog", "importlib.metadata"} & set(loaded)


def test_host_module_loads_no_decoder() -> None:
    code = "import sys, reelscope_runtime.media.host; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "av" not in loaded
    assert host_module.__name__ in loaded
    assert np.__name__ in loaded
