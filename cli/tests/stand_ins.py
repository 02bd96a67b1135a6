"""What the tests of this folder share: stand-ins for services, and a look at processes."""

from __future__ import annotations

import os
import select
from pathlib import Path

FAKES = Path(__file__).parent / "fakes"
NAMES = ("vision", "audio", "speech", "temporal", "gateway")


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


def wait_until_gone(handles: list[int], timeout_s: float) -> bool:
    """Whether all processes of these handles (pidfds) end in time; closes the handles."""
    gone = True
    for handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        gone = bool(poll.poll(timeout_s * 1000)) and gone
        os.close(handle)
    return gone
