"""The child's own guards, in a process of its own: an audit hook can't be taken back."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import socket, sys
from reelscope_gateway.fetch.child import refuse_private_connections
from reelscope_runtime.errors import ForbiddenError
refuse_private_connections()
try:
    socket.create_connection((sys.argv[1], 9), timeout=0.2)
except ForbiddenError:
    sys.exit(7)
except OSError:
    sys.exit(8)
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1"])
def test_connections_into_private_networks_are_refused_wherever_they_come_from(host: str) -> None:
    assert subprocess.run([sys.executable, "-c", SCRIPT, host], check=False).returncode == 7
