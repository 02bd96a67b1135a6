from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `gateway_fake`, which the tests of this folder share

FAKES = Path(__file__).parent / "fakes"
NAMES = ("vision", "audio", "speech", "temporal", "gateway")


def children() -> dict[int, str]:
    """This process's children and their states; Z is a zombie."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                found[int(pid)] = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


@pytest.fixture
def no_child_left() -> Iterator[None]:
    """The test leaves as many children as it found, and no zombie."""
    before = set(children())
    yield
    after = children()
    assert not [pid for pid, state in after.items() if state == "Z"]
    assert set(after) <= before


class Fakes:
    """Stand-ins for the services and the gateway, found before the real ones; what each does can be chosen."""

    def __init__(self, folder: Path) -> None:
        self._wishes = folder / "wishes"
        self._wishes.mkdir()
        self.path = f"{folder}{os.pathsep}{FAKES}"
        for name in NAMES:
            package = folder / f"reelscope_{name}"
            package.mkdir()
            (package / "__init__.py").touch()
            (package / "main.py").write_text(f"from fake_process import main\n\nmain({name!r})\n")

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": self.path, "REELSCOPE_FAKES": str(self._wishes)}

    def wish(self, name: str, what: str) -> None:
        (self._wishes / name).write_text(what)


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    folder = tmp_path / "fakes"
    folder.mkdir()
    made = Fakes(folder)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


def wait_until_gone(handles: list[int], timeout_s: float) -> bool:
    """Whether all processes of these handles (pidfds) end in time; closes the handles."""
    gone = True
    for handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        gone = bool(poll.poll(timeout_s * 1000)) and gone
        os.close(handle)
    return gone
