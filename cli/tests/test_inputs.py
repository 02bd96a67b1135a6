from __future__ import annotations

from pathlib import Path

import pytest

from reelscope_cli.analyze.inputs import expand
from reelscope_runtime.errors import InvalidRequestError, NotFoundError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.MP4", "a.mp4", "notes.txt", "deep/er/a.mov", "deep/c.wav"):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "clips"


def test_folders_are_searched_for_media_in_order(folder: Path) -> None:
    clips = expand([str(folder)])
    assert [clip.source.removeprefix(f"{folder}/") for clip in clips] == ["a.mp4", "b.MP4", "deep/c.wav", "deep/er/a.mov"]
    assert [clip.name for clip in clips] == ["a", "b", "c", "a-2"]


def test_a_named_file_is_taken_whatever_it_is_called(folder: Path) -> None:
    clip = expand([str(folder / "notes.txt")])[0]
    assert clip.path == (folder / "notes.txt").resolve()


def test_each_is_taken_once(folder: Path) -> None:
    assert len(expand([str(folder / "a.mp4"), str(folder), "https://example.org/x", "https://example.org/x"])) == 5


def test_a_link_is_followed_so_that_the_gateway_may_read_it(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(folder / "a.mp4")
    clip = expand([str(link)])[0]
    assert (clip.path, clip.name) == ((folder / "a.mp4").resolve(), "link")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.tiktok.com/@someone/video/7123456789", "7123456789"),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=1", "dQw4w9WgXcQ"),
        ("https://youtu.be/dQw4w9WgXcQ", "dQw4w9WgXcQ"),
        ("https://www.instagram.com/reel/Cabc_-1/", "Cabc_-1"),
        ("http://127.0.0.1:8000/some%20clip.mp4", "some_20clip"),
        ("https://example.org", "example.org"),
        ("https://example.org/..", "clip"),
    ],
)
def test_an_address_names_its_document(url: str, name: str) -> None:
    assert expand([url])[0].name == name


@pytest.mark.parametrize("url", ["ftp://example.org/a.mp4", "file:///etc/passwd", "https://"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="no http or https address"):
        expand([url])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file"):
        expand([str(tmp_path / "gone.mp4")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no media file"):
        expand([str(tmp_path / "empty")])


def test_a_device_is_no_clip() -> None:
    with pytest.raises(InvalidRequestError, match="neither a file nor a folder"):
        expand(["/dev/null"])
