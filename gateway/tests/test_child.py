"""The child's own guards, in a process of its own: an audit hook can't be taken back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from gateway_kit.web import Web
from yt_dlp import YoutubeDL

from reelscope_gateway.fetch.child import _download, _options
from reelscope_gateway.fetch.order import FetchOrder


def order_for(folder: Path, url: str, **changes: Any) -> FetchOrder:
    values: dict[str, Any] = {
        "url": url,
        "folder": str(folder),
        "max_bytes": 10_000_000,
        "socket_timeout_s": 5.0,
        "allow_private_hosts": True,
        "proxy": "",
        "cookies_file": "",
        "parent_pid": os.getpid(),
    }
    return FetchOrder(**(values | changes))


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


@pytest.mark.parametrize("path", ["/clip.mp4", "/away?http://127.0.0.1:9/clip.mp4"])
def test_the_refusal_keeps_its_code_through_the_libraries(tmp_path: Path, web: Web, path: str) -> None:
    order = order_for(tmp_path, web.url + path, allow_private_hosts=False)
    command = [sys.executable, "-m", "reelscope_gateway.fetch.child"]
    said = subprocess.run(command, input=order.to_json(), capture_output=True, check=True).stdout
    assert json.loads(said.splitlines()[-1])["problem"]["code"] == "private_host"
    assert not web.asked.is_set()


def test_picture_and_sound_that_come_apart_are_joined(tmp_path: Path, web: Web) -> None:
    order = order_for(tmp_path, web.url)
    formats = [
        {"format_id": "a", "url": f"{web.url}/sound.m4a", "ext": "m4a", "protocol": "http", "vcodec": "none"},
        {"format_id": "v", "url": f"{web.url}/silent.mp4", "ext": "mp4", "protocol": "http", "acodec": "none"},
    ]
    with YoutubeDL(_options(order, lambda _: None)) as ydl:
        joined = _download(ydl, {"id": "x", "title": "x", "ext": "mp4", "requested_formats": formats}, order)
    with av.open(str(joined)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
