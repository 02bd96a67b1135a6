from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import pytest
from gateway_kit.clips import write_clip
from gateway_kit.web import Web

from reelscope_gateway.fetch.downloader import Downloader, Fetched, child_environment
from reelscope_gateway.fetch.remux import join
from reelscope_gateway.settings import FetchSettings
from reelscope_runtime.errors import FetchError, ServiceError
from reelscope_runtime.metrics import Metrics
from support.processes import children


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where downloads happen; nothing may be left there, and no child anywhere."""
    before = set(children())
    yield tmp_path / "incoming"
    assert set(children()) <= before
    assert not list((tmp_path / "incoming").glob("*"))


@asynccontextmanager
async def fetched(folder: Path, url: str, **settings: Any) -> Any:
    fractions: list[float] = []

    async def progress(fraction: float) -> None:
        fractions.append(fraction)

    values: dict[str, Any] = {"allow_private_hosts": True, "timeout_s": 20, "connect_timeout_s": 2}
    downloader = Downloader(FetchSettings(**(values | settings)), folder, Metrics())
    async with downloader.fetch(url, progress) as clip:
        assert fractions == sorted(fractions)
        yield clip


async def failure(folder: Path, url: str, **settings: Any) -> ServiceError:
    with pytest.raises(ServiceError) as failed:
        async with fetched(folder, url, **settings):
            pass
    return failed.value


async def test_a_direct_link(folder: Path, web: Web, clips: Path) -> None:
    clip: Fetched
    async with fetched(folder, f"{web.url}/clip.mp4") as clip:
        assert clip.path.read_bytes() == (clips / "clip.mp4").read_bytes()
        assert clip.path.suffix == ".mp4"
        assert clip.metadata.extractor == "Generic"
        assert clip.metadata.title == "clip"


async def test_a_redirect_is_followed(folder: Path, web: Web, clips: Path) -> None:
    async with fetched(folder, f"{web.url}/away?{web.url}/clip.mp4") as clip:
        assert clip.path.stat().st_size == (clips / "clip.mp4").stat().st_size


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/gone.mp4", "not_found_at_source"),
        ("/secret.mp4", "login_required"),
        ("/blocked.mp4", "blocked_by_source"),
        ("/page", "unsupported_url"),
    ],
)
async def test_errors_have_codes_by_cause(folder: Path, web: Web, path: str, code: str) -> None:
    error = await failure(folder, web.url + path)
    assert isinstance(error, FetchError)
    assert error.error_code == code


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/clip.mp4", "http://no-such-host.invalid/clip.mp4"])
async def test_unreachable_is_known_within_five_seconds(folder: Path, url: str) -> None:
    started = time.monotonic()
    error = await failure(folder, url)
    assert error.error_code == "unreachable"
    assert time.monotonic() - started < 5


async def test_a_server_that_hangs_is_given_up_at_the_timeout(folder: Path, web: Web) -> None:
    error = await failure(folder, f"{web.url}/hang.mp4", timeout_s=3, socket_timeout_s=30)
    assert error.error_code == "timeout"
    assert web.asked.is_set()


async def test_an_announced_size_over_the_limit_is_not_downloaded(folder: Path, web: Web) -> None:
    assert (await failure(folder, f"{web.url}/clip.mp4", max_bytes=1000)).error_code == "too_large"


async def test_a_download_that_grows_over_the_limit_is_stopped(folder: Path, web: Web) -> None:
    error = await failure(folder, f"{web.url}/endless.mp4", max_bytes=2_000_000)
    assert error.error_code == "too_large"


async def test_loopback_is_refused_unless_allowed(folder: Path, web: Web) -> None:
    error = await failure(folder, f"{web.url}/clip.mp4", allow_private_hosts=False)
    assert error.error_code == "private_host"
    assert not web.asked.is_set()


async def test_a_proxy_is_no_way_into_the_private_network(folder: Path, web: Web) -> None:
    error = await failure(folder, "http://localhost:1/clip.mp4", allow_private_hosts=False, proxy=web.url)
    assert error.error_code == "private_host"
    assert not web.asked.is_set()


def test_the_child_inherits_no_secrets() -> None:
    kept = {
        "PATH": "/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108 - only a value
        "XDG_CACHE_HOME": "/c",
        "SSL_CERT_FILE": "/ca.pem",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
        "PYTHONPATH": "/p",
        "https_proxy": "http://p",
        "HTTP_PROXY": "http://p",
        "no_proxy": "x",
    }
    secrets = {"AWS_SECRET_ACCESS_KEY": "x", "REELSCOPE_NATS__PASSWORD": "x", "GITHUB_TOKEN": "x", "HF_TOKEN": "x"}
    assert child_environment(kept | secrets) == kept


async def test_the_site_is_a_metric(folder: Path, web: Web) -> None:
    metrics = Metrics()
    downloader = Downloader(FetchSettings(allow_private_hosts=True), folder, metrics)

    async def progress(_: float) -> None:
        pass

    async with downloader.fetch(f"{web.url}/clip.mp4", progress):
        pass
    assert metrics.registry.get_sample_value("reelscope_fetch_total", {"site": "Generic", "outcome": "succeeded"}) == 1


def test_streams_are_joined(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mp4", audio=False)
    audio = write_clip(tmp_path / "audio.m4a", video=False)
    with av.open(str(join(video, audio, tmp_path / "joined.mkv"))) as joined:
        assert [stream.type for stream in joined.streams] == ["video", "audio"]
        frames = sum(1 for _ in joined.decode(video=0))
    assert frames == 10
    with av.open(str(tmp_path / "joined.mkv")) as joined:
        assert sum(frame.samples for frame in joined.decode(audio=0)) >= 8000
