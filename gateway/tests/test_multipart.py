from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelscope_gateway.http.multipart import Form, read_form
from reelscope_gateway.jobs.submission import plain_filename
from reelscope_runtime.errors import InvalidRequestError, MediaTooLargeError, ServiceError

TYPE = "multipart/form-data; boundary=XX"


def part(head: str, body: bytes) -> bytes:
    return b"--XX\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body + b"\r\n"


async def read(body: bytes, path: Path, *, content_type: str = TYPE, limit: int = 10_000, piece: int = 7) -> Form:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), piece):
            yield body[start : start + piece]

    return await read_form(content_type, pieces(), path, max_file_bytes=limit)


@pytest.mark.parametrize("piece", [1, 7, 100_000])
async def test_file_and_fields(tmp_path: Path, piece: int) -> None:
    content = b"\r\n--X\r\n" * 500
    body = part('name="analyzers"', b"a,b") + part('name="file"; filename="C:\\clips\\a.mp4"', content)
    body += part('name="analyzers"', b"c") + b"--XX--\r\n"
    form = await read(body, tmp_path / "file", piece=piece)
    assert form.fields == {"analyzers": ["a,b", "c"]}
    assert form.upload is not None
    assert form.upload.filename == "a.mp4"
    assert form.upload.path.read_bytes() == content


async def test_too_large_is_noticed_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(MediaTooLargeError):
        await read(part('name="file"; filename="a"', b"x" * 20_000), tmp_path / "file")
    assert (tmp_path / "file").stat().st_size <= 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--XX\r\n",
        part('name="file"; filename="a"', b"cut off"),
        part('name="other"; filename="a"', b"x") + b"--XX--\r\n",
        part('name="file"; filename="a"', b"x") * 2 + b"--XX--\r\n",
        part("", b"x") + b"--XX--\r\n",
        part('name="a"', b"x" * 70_000) + b"--XX--\r\n",
        part('name="a"', b"x") * 101 + b"--XX--\r\n",
    ],
)
async def test_malformed(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        await read(body, tmp_path / "file", piece=1000)


async def test_without_boundary(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        await read(b"", tmp_path / "file", content_type="multipart/form-data")


PIECES = st.lists(
    st.sampled_from([b"--XX", b"\r\n", b"--", b'Content-Disposition: form-data; name="file"; filename="a"', b"\r\n\r\n"])
    | st.binary(max_size=20)
).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=PIECES, content_type=st.sampled_from([TYPE, "multipart/form-data; boundary=\xff", "multipart/form-data; boundary="])
)
async def test_any_body_is_read_or_refused(tmp_path: Path, body: bytes, content_type: str) -> None:
    try:
        await read(body, tmp_path / "file", content_type=content_type, piece=11)
    except ServiceError as error:
        assert error.http_status < 500  # noqa: PT017 - both ways are right


@given(st.text())
def test_file_names(name: str) -> None:
    plain = plain_filename(name)
    assert plain
    assert "/" not in plain
    assert "\0" not in plain
    assert len(plain.encode()) <= 255
