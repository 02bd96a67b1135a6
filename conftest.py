"""For every test of the repository: markers from the path, and no unexpected ERROR in the logs."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog

ROOT = Path(__file__).parent
ERRORS = ("error", "exception", "critical")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test in tests/chaos is a chaos test, and so on."""
    for item in items:
        parts = item.path.relative_to(ROOT).parts
        if parts[0] == "tests" and len(parts) > 2:  # noqa: PLR2004 - tests/<kind>/<file>
            item.add_marker(parts[1])


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The real clips beside the checkout; tests that need them skip where they are not."""
    folder = ROOT.parent / "shared" / "media"
    if not folder.is_dir():
        pytest.skip("no shared media beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def _no_unexpected_errors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test during which something was logged as an error, unless it is marked `expects_errors`."""
    errors: list[str] = []

    def collect(_: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in ERRORS:
            errors.append(str(dict(event)))
        return event

    before = structlog.get_config()
    structlog.configure(processors=[structlog.stdlib.add_log_level, collect, structlog.dev.ConsoleRenderer(colors=False)])
    yield
    structlog.configure(**before)
    if errors and request.node.get_closest_marker("expects_errors") is None:
        pytest.fail("unexpected errors in the log:\n" + "\n".join(errors))
