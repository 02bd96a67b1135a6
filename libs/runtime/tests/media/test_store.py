from __future__ import annotations

import asyncio
import fcntl
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelscope.analysis.v1.media_pb2 import MediaRef
from reelscope_runtime.errors import (
    ForbiddenError,
    InvalidRequestError,
    MediaError,
    MediaTooLargeError,
    NotFoundError,
    UnavailableError,
)
from reelscope_runtime.media.store import MediaStore, sha256_of
from reelscope_runtime.settings import MediaSettings


class Objects:
    """Stands in for the bus's bucket; each copy waits for `gate`."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.copies = 0
        self.max_bytes: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def get_to(self, key: str, path: Path, *, max_bytes: int | None = None) -> None:
        self.copies += 1
        self.max_bytes = max_bytes
        self.asked.set()
        await self.gate.wait()
        if key not in self.content:
            raise NotFoundError(f"no {key}")
        await asyncio.to_thread(path.write_bytes, self.content[key])


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def ref(content: bytes, key: str = "k") -> MediaRef:
    return MediaRef(uri=f"nats://media/{key}", sha256=sha(content), size_bytes=len(content))


async def test_files_only_inside_the_root(settings: MediaSettings, tmp_path: Path) -> None:
    settings.root.mkdir()
    inside = settings.root / "a b.mp4"
    inside.write_bytes(b"x")
    outside = tmp_path / "secret"
    outside.write_bytes(b"s")
    (settings.root / "link").symlink_to(outside)
    (settings.root / "good").symlink_to(inside)
    store = MediaStore(settings)
    for uri in (inside.as_uri(), f"file://localhost{inside.as_uri()[7:]}", (settings.root / "good").as_uri()):
        async with store.open(MediaRef(uri=uri)) as path:
            assert path == inside
    for uri in (outside.as_uri(), (settings.root / "link").as_uri(), f"file://{settings.root}/../secret", "file:///etc/passwd"):
        with pytest.raises(ForbiddenError):
            async with store.open(MediaRef(uri=uri)):
                pass
    with pytest.raises(ForbiddenError):
        async with store.open(MediaRef(uri=f"file://elsewhere{inside}")):
            pass
    with pytest.raises(NotFoundError):
        async with store.open(MediaRef(uri=(settings.root / "none").as_uri())):
            pass
    for uri in ("http://x/y", "", "/etc/passwd", f"file://{settings.root}/%00"):
        with pytest.raises(InvalidRequestError):
            async with store.open(MediaRef(uri=uri)):
                pass


async def test_concurrent_callers_share_one_copy(settings: MediaSettings) -> None:
    content = b"media" * 1000
    objects = Objects({"k": content})
    objects.gate.clear()
    store = MediaStore(settings, objects.get_to)

    async def use() -> bytes:
        async with store.open(ref(content)) as path:
            return path.read_bytes()

    users = [asyncio.create_task(use()) for _ in range(5)]
    given_up = asyncio.create_task(use())
    await objects.asked.wait()
    given_up.cancel()
    objects.gate.set()
    assert await asyncio.gather(*users) == [content] * 5
    assert await use() == content
    assert objects.copies == 1
    assert sha256_of(settings.cache / sha(content)) == sha(content)


async def test_corrupted_bytes_are_refused_and_deleted(settings: MediaSettings) -> None:
    objects = Objects({"k": b"other"})
    store = MediaStore(settings, objects.get_to)
    for _ in range(2):
        with pytest.raises(MediaError) as caught:
            async with store.open(ref(b"expected")):
                pass
        assert caught.value.error_code == "media_corrupted"
        assert list(settings.cache.iterdir()) == []
    assert objects.copies == 2


async def test_failures_leave_nothing(settings: MediaSettings) -> None:
    store = MediaStore(settings, Objects({}).get_to)
    with pytest.raises(NotFoundError):
        async with store.open(ref(b"x")):
            pass
    with pytest.raises(InvalidRequestError):
        async with store.open(MediaRef(uri="nats://media/k", sha256="../../x")):
            pass
    with pytest.raises(MediaTooLargeError):
        async with store.open(MediaRef(uri="nats://media/k", size_bytes=settings.cache_bytes + 1)):
            pass
    with pytest.raises(UnavailableError):
        async with MediaStore(settings).open(ref(b"x")):
            pass
    assert list(settings.cache.iterdir()) == []


async def test_without_a_sha256_the_content_names_it(settings: MediaSettings) -> None:
    store = MediaStore(settings, Objects({"k": b"abc"}).get_to)
    async with store.open(MediaRef(uri="nats://media/k")) as path:
        assert path.name == sha(b"abc")


async def test_the_oldest_unused_goes_first(settings: MediaSettings) -> None:
    contents = {name: name.encode() * 400 for name in "abcd"}
    objects = Objects(contents)
    small = settings.model_copy(update={"cache_bytes": 1000})
    store, other = MediaStore(small, objects.get_to), MediaStore(small, objects.get_to)

    def there() -> set[str]:
        return {name for name, content in contents.items() if (settings.cache / sha(content)).exists()}

    async with other.open(ref(contents["a"], "a")) as in_use:
        async with store.open(ref(contents["b"], "b")):
            pass
        async with store.open(ref(contents["c"], "c")):
            assert there() == {"a", "c"}
        async with store.open(ref(contents["d"], "d")):
            assert there() == {"a", "d"}
        assert in_use.read_bytes() == contents["a"]
    async with store.open(ref(contents["b"], "b")):
        assert there() == {"d", "b"}


async def test_the_hash_of_a_shared_file_is_checked_once(settings: MediaSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.root.mkdir()
    clip = settings.root / "clip"
    clip.write_bytes(b"one")
    hashed: list[Path] = []

    def hashing(path: Path | str) -> str:
        hashed.append(Path(path))
        return sha256_of(path)

    monkeypatch.setattr("reelscope_runtime.media.store.sha256_of", hashing)
    store = MediaStore(settings)

    async def use(sha256: str) -> None:
        async with store.open(MediaRef(uri=clip.as_uri(), sha256=sha256)) as path:
            assert path == clip

    for _ in range(2):
        await use(sha(b"one"))
        with pytest.raises(MediaError) as caught:
            await use(sha(b"two"))
        assert caught.value.error_code == "media_corrupted"
    assert hashed == [clip]
    clip.write_bytes(b"two")
    await use(sha(b"two"))
    with pytest.raises(MediaError):
        await use(sha(b"one"))
    assert hashed == [clip] * 2
    for malformed in ("x", sha(b"two").upper(), sha(b"two") + "\n"):
        with pytest.raises(InvalidRequestError):
            await use(malformed)
    with pytest.raises(MediaError, match="directory"):
        async with store.open(MediaRef(uri=settings.root.as_uri(), sha256=sha(b"two"))):
            pass


async def test_no_more_than_the_limit_is_copied(settings: MediaSettings) -> None:
    content = b"x" * 1000
    objects = Objects({"k": content})
    small = settings.model_copy(update={"cache_bytes": 999})
    with pytest.raises(MediaTooLargeError):
        async with MediaStore(small, objects.get_to).open(MediaRef(uri="nats://media/k")):
            pass
    assert objects.max_bytes == 999
    with pytest.raises(MediaError, match="declared") as caught:
        async with MediaStore(settings, objects.get_to).open(MediaRef(uri="nats://media/k", size_bytes=998)):
            pass
    assert caught.value.error_code == "media_corrupted"
    assert objects.max_bytes == 998
    assert list(settings.cache.iterdir()) == []


async def test_only_the_bucket_of_the_bus(settings: MediaSettings) -> None:
    objects = Objects({"k": b"abc"})
    with pytest.raises(InvalidRequestError, match="secrets"):
        async with MediaStore(settings, objects.get_to).open(MediaRef(uri="nats://secrets/k")):
            pass
    assert objects.copies == 0


async def test_what_a_crash_left_is_swept(settings: MediaSettings) -> None:
    content = b"abc"
    left = settings.cache / ".part-left"
    left.mkdir(parents=True)
    (left / "content").write_bytes(b"ab")
    (settings.cache / ".part-file").write_bytes(b"ab")
    objects = Objects({"k": content})
    objects.gate.clear()
    store = MediaStore(settings, objects.get_to)
    assert list(settings.cache.iterdir()) == []

    async def use() -> bytes:
        async with store.open(ref(content)) as path:
            return path.read_bytes()

    using = asyncio.create_task(use())
    await objects.asked.wait()
    MediaStore(settings)  # another process starts: what is in use stays
    assert len(list(settings.cache.iterdir())) == 1
    objects.gate.set()
    assert await using == content
    hanging = settings.cache / ".part-hangs"
    hanging.mkdir()
    lock = os.open(hanging, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    MediaStore(settings)
    assert hanging.exists()
    os.utime(hanging, (0, 0))
    MediaStore(settings)
    assert [path.name for path in settings.cache.iterdir()] == [sha(content)]
    os.close(lock)


async def test_unfinished_downloads_count(settings: MediaSettings) -> None:
    small = settings.model_copy(update={"cache_bytes": 1000})
    contents = {"a": b"a" * 400, "b": b"b" * 400}
    store = MediaStore(small, Objects(contents).get_to)
    async with store.open(ref(contents["a"], "a")):
        pass
    other = settings.cache / ".part-other"
    other.mkdir()
    (other / "content").write_bytes(bytes(300))
    async with store.open(ref(contents["b"], "b")):
        assert not (settings.cache / sha(contents["a"])).exists()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A server that answers GET as S3 does."""
    content: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path.split("?")[0])
            self.send_response(404 if body is None else 200)
            answer = b"<Error><Code>NoSuchKey</Code></Error>" if body is None else body
            self.send_header("Content-Length", str(len(answer)))
            self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield content
    server.shutdown()
    server.server_close()


async def test_s3(settings: MediaSettings, s3: dict[str, bytes]) -> None:
    pytest.importorskip("obstore")
    content = b"m" * 100_000
    s3["/bucket/folder/clip.mp4"] = content
    store = MediaStore(settings)
    async with store.open(MediaRef(uri="s3://bucket/folder/clip.mp4", sha256=sha(content))) as path:
        assert path.read_bytes() == content
    with pytest.raises(MediaError, match="declared"):
        async with store.open(MediaRef(uri="s3://bucket/folder/clip.mp4", size_bytes=99_999)):
            pass
    small = settings.model_copy(update={"cache_bytes": 99_999})
    with pytest.raises(MediaTooLargeError):
        async with MediaStore(small).open(MediaRef(uri="s3://bucket/folder/clip.mp4")):
            pass
    with pytest.raises(NotFoundError):
        async with store.open(MediaRef(uri="s3://bucket/none")):
            pass
