"""Real backends of the standard and full profiles on tiny checkpoints of the same architecture, made here.

They need torch, which the lite profile must not: they run in an environment of their own (`make test`), and are not collected
where torch is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from reelscope_runtime.settings import ModelSettings

if find_spec("torch") is None:
    collect_ignore_glob = ["*.py"]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[ModelSettings]:
    """Models of the standard profile, from a folder of this test's."""
    return ModelSettings(folder=tmp_path / "models", profile="standard", threads=2, device="cpu")
