from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from reelscope.analysis.v1.media_pb2 import MediaRef
from reelscope_gateway.settings import S3Settings
from reelscope_gateway.store.base import Incoming, extension_of
from reelscope_gateway.store.file import FileStore
from reelscope_gateway.store.nats import NatsStore
from reelscope_gateway.store.s3 import S3Store
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.errors import InvalidRequestError, NotFoundError
from reelscope_runtime.media.store import MediaStore
from reelscope_runtime.settings import MediaSettings

CONTENT = b"a clip" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "My Clip.MP4"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    root = tmp_path / "media root"
    return FileStore(root, Incoming(root))


async def test_a_copy_is_kept_by_its_content(store: FileStore, clip: Path, tmp_path: Path) -> None:
    ref = await store.keep_copy(clip, "My Clip.MP4")
    path = tmp_path / "media root" / SHA256[:2] / f"{SHA256}.mp4"
    assert ref == MediaRef(uri=path.as_uri(), sha256=SHA256, size_bytes=len(CONTENT), filename="My Clip.MP4")
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o222 == 0
    clip.write_bytes(b"changed afterwards")  # noqa: ASYNC240 - a test has its loop to itself
    assert path.read_bytes() == CONTENT
    assert list((tmp_path / "media root" / ".incoming").iterdir()) == []


async def test_our_own_file_is_moved(store: FileStore, clip: Path) -> None:
    await store.keep(clip, "x.mp4")
    assert not clip.exists()  # noqa: ASYNC240


async def test_twice_is_once(store: FileStore, clip: Path) -> None:
    assert await store.keep_copy(clip, "a.mp4") == await store.keep_copy(clip, "a.mp4")


async def test_services_find_it(store: FileStore, clip: Path, tmp_path: Path) -> None:
    ref = await store.keep_copy(clip, "a.mp4")
    services = MediaStore(MediaSettings(root=tmp_path / "media root", cache=tmp_path / "cache"))
    async with services.open(ref) as path:
        assert path.read_bytes() == CONTENT


async def test_the_object_store(bus: Bus, clip: Path, tmp_path: Path) -> None:
    store = NatsStore(bus.media, Incoming(tmp_path / "media"))
    ref = await store.keep_copy(clip, "a.mp4")
    assert ref.uri == f"nats://media/{SHA256}"
    assert await store.keep_copy(clip, "b.mp4") == MediaRef(
        uri=ref.uri, sha256=SHA256, size_bytes=len(CONTENT), filename="b.mp4"
    )
    services = MediaStore(MediaSettings(root=tmp_path / "media", cache=tmp_path / "cache"), bus.media.get_to)
    async with services.open(ref) as path:
        assert path.read_bytes() == CONTENT


def test_s3_without_a_bucket_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="S3__BUCKET"):
        S3Store(S3Settings(), Incoming(tmp_path))


async def test_a_source_that_goes_away_is_typed(store: FileStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        await store.keep_copy(tmp_path / "gone.mp4", "gone.mp4")


def test_leftovers_go_when_they_are_old(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path)
    assert incoming.sweep() == 0
    (incoming.folder / "fetch-old").mkdir(parents=True)
    (incoming.folder / "fetch-old" / "part0.mp4").write_bytes(b"x")
    (incoming.folder / "old").write_bytes(b"x")
    (incoming.folder / "new").write_bytes(b"x")
    long_ago = time.time() - 2 * 24 * 3600
    for name in ("fetch-old", "old"):
        os.utime(incoming.folder / name, (long_ago, long_ago))
    assert incoming.sweep() == 2
    assert [path.name for path in incoming.folder.iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.MP4", ".mp4"), ("a", ""), ("a.tar.gz", ".gz"), ("a.m p", ""), ("a.", ""), ("a.verylongextension", ""), ("a.mé", "")],
)
def test_extensions(name: str, extension: str) -> None:
    assert extension_of(name) == extension
