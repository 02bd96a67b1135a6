from __future__ import annotations

import asyncio
import hashlib
import http.server
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
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def get_to(self, key: str, path: Path) -> None:
        self.copies += 1
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
    with pytest.raises(NotFoundError):
        async with store.open(MediaRef(uri="s3://bucket/none")):
            pass
