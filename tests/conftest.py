"""What tests across packages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.stack import RunningStack, running_stack

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="session")
def demo_clip() -> Path:
    """The sample clip."""
    return SAMPLES / "demo.mp4"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack for all tests that only use it; it may read the samples and pytest's temporary folders by path. Tests that kill
    parts of a stack start their own (`support.stack.running_stack`)."""
    with running_stack(media=[SAMPLES, tmp_path_factory.getbasetemp()]) as running:
        yield running
