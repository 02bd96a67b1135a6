"""The engines of the services, loaded once for all tests of a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engine import Bench, benches

HERE = Path(__file__).parent
TIMEOUT_S = 180
"""Of tests here that name none: the first that asks for a clip's results waits until every analyzer has them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Bench]]:
    """One engine for each service, by its name."""
    base = tmp_path_factory.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kept-results"
    kept.mkdir(exist_ok=True)
    with benches(kept) as made:
        yield made


@pytest.fixture(scope="session")
def vision(engines: dict[str, Bench]) -> Bench:
    """The engine of the vision service."""
    return engines["vision"]


@pytest.fixture(scope="session")
def speech(engines: dict[str, Bench]) -> Bench:
    """The engine of the speech service."""
    return engines["speech"]
