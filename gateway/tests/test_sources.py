from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelscope_gateway.jobs.sources import resolve_path
from reelscope_runtime.errors import ForbiddenError, InvalidRequestError, NotFoundError, ServiceError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "clip.mp4").write_bytes(b"x")
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (root / "link.mp4").symlink_to(root / "clip.mp4")
    (root / "way_out.mp4").symlink_to(tmp_path / "secret.mp4")
    (root / "loop").symlink_to(root / "loop")
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "clip.mp4").write_bytes(b"x")
    return root


@pytest.mark.parametrize("text", ["clip.mp4", "./folder/../clip.mp4", "link.mp4"])
def test_inside(root: Path, text: str) -> None:
    assert resolve_path(text, [root]) == (root / "clip.mp4").resolve()
    assert resolve_path(str(root / text), [root]) == (root / "clip.mp4").resolve()


@pytest.mark.parametrize(
    "text", ["../secret.mp4", "way_out.mp4", "/etc/passwd", "../root2/clip.mp4", "folder/../../nothing.mp4", "/nowhere"]
)
def test_outside_is_forbidden_whether_it_is_there_or_not(root: Path, text: str) -> None:
    with pytest.raises(ForbiddenError):
        resolve_path(text, [root])


def test_what_is_not_there(root: Path) -> None:
    with pytest.raises(NotFoundError):
        resolve_path("nothing.mp4", [root])


@pytest.mark.parametrize("text", ["", ".", "folder", "a\0b", "x" * 5000, "loop"])
def test_what_is_no_file(root: Path, text: str) -> None:
    with pytest.raises(InvalidRequestError):
        resolve_path(text, [root])


def test_without_roots_nothing_may_be_read(root: Path) -> None:
    with pytest.raises(ForbiddenError):
        resolve_path(str(root / "clip.mp4"), [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_any_text_gives_a_typed_error(root: Path, text: str) -> None:
    with pytest.raises(ServiceError):
        resolve_path("no/" + text, [root])
