from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.settings import MediaSettings
from support.processes import children

sys.path.insert(0, str(Path(__file__).parent))  # for `clips`, which the tests of this folder share


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def no_child_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test leaves as many children and open files as it found, and no zombie at all."""
    gc.collect()
    before, files = set(children()), open_files()
    yield
    after = children()
    assert not [pid for pid, state in after.items() if state == "Z"]
    assert set(after) <= before
    gc.collect()
    own = 8 if "s3" in request.fixturenames else 2  # obstore keeps its runtime; an event loop may still close its own
    assert open_files() <= files + own


@pytest.fixture
def settings(tmp_path: Path) -> MediaSettings:
    return MediaSettings(root=tmp_path / "root", cache=tmp_path / "cache")


@pytest.fixture
def host(settings: MediaSettings) -> Iterator[MediaHost]:
    with MediaHost(settings) as started:
        yield started


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Files of ../shared/media; a test that needs one is skipped where it is absent."""
    root = Path(__file__).parents[5] / "shared" / "media"

    def find(name: str) -> Path:
        path = root / name
        if not path.exists():
            pytest.skip(f"{path} is absent")
        return path

    return find
