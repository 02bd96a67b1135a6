from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what the tests of this folder share

from fake_gateway import FakeGateway
from stand_ins import Fakes

from support.processes import children


@pytest.fixture
def no_child_left() -> Iterator[None]:
    """The test leaves as many children as it found, and no zombie."""
    before = set(children())
    yield
    after = children()
    assert not [pid for pid, state in after.items() if state == "Z"]
    assert set(after) <= before


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    folder = tmp_path / "fakes"
    folder.mkdir()
    made = Fakes(folder)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()
