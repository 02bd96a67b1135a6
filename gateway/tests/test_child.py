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
from yt_dlp.downloader import get_suitable_downloader
from yt_dlp.downloader.external import ExternalFD

from reelscope_gateway.fetch.child import Downloads, _download, _options
from reelscope_gateway.fetch.order import FetchOrder
from reelscope_runtime.errors import FetchError


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
    with Downloads(_options(order, lambda _: None)) as ydl:
        joined = _download(ydl, {"id": "x", "title": "x", "ext": "mp4", "requested_formats": formats}, order)
    with av.open(str(joined)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]


def test_the_operators_cookie_file_is_left_as_it_is(tmp_path: Path, web: Web) -> None:
    cookies = tmp_path / "operator.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\tx\n")
    cookies.chmod(0o600)
    before = (cookies.read_bytes(), cookies.stat().st_mtime_ns)
    folder = tmp_path / "own"
    folder.mkdir()
    options = _options(order_for(folder, web.url, cookies_file=str(cookies)), lambda _: None)
    with Downloads(options) as ydl:
        assert [cookie.name for cookie in ydl.cookiejar] == ["session"]
        ydl.cookiejar.clear()
    assert (cookies.read_bytes(), cookies.stat().st_mtime_ns) == before


def test_a_cookie_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="COOKIES_FILE"):
        _options(order_for(tmp_path, "http://x/", cookies_file=str(tmp_path / "none.txt")), lambda _: None)


def test_no_other_program_and_no_impersonation(tmp_path: Path) -> None:
    class Curl:
        RH_KEY = "CurlCFFI"

    with Downloads(_options(order_for(tmp_path, "http://x/"), lambda _: None)) as ydl:
        assert ydl.build_request_director([Curl]).handlers == {}
        for protocol in ("http", "m3u8", "m3u8_native", "http_dash_segments"):
            chosen = get_suitable_downloader({"url": "http://x/a", "protocol": protocol, "ext": "mp4"}, ydl.params)
            assert not issubclass(chosen, ExternalFD)
        with pytest.raises(FetchError, match="rtmp"):
            _download(ydl, {"id": "x", "title": "x", "ext": "flv", "url": "rtmp://x/a"}, order_for(tmp_path, "http://x/"))
