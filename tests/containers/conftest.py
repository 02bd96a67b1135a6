"""The images, built once for all tests. Without a container engine everything that needs one is skipped."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from support.compose import Compose, engine_problem

TAG = "tests"
BUILD_TIMEOUT_S = 1400.0
"""On two cores with an empty cache and a slow network; usually two to four minutes."""

SERVICES = ("vision", "audio", "speech", "temporal", "gateway")


@pytest.fixture(scope="session")
def engine() -> None:
    """Skips where there is none."""
    if problem := engine_problem():
        pytest.skip(f"no container engine: {problem}")


@pytest.fixture(scope="session")
def images(engine: None) -> Mapping[str, str]:
    """Our images by what runs in them, built from the working tree under a tag of their own."""
    Compose("reelscope-build", {"REELSCOPE_TAG": TAG})("build", timeout_s=BUILD_TIMEOUT_S)
    return {name: f"reelscope/{name}:{TAG}" for name in SERVICES}
