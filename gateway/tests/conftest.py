from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `gateway_kit`, which the tests of this folder share

from gateway_kit.clips import write_clip
from gateway_kit.services import FakeService
from gateway_kit.stack import Client, gateway_client, settings_for
from gateway_kit.web import Web

from reelscope_gateway.settings import GatewayRuntimeSettings
from reelscope_runtime.bus.base import Bus
from reelscope_runtime.bus.nats import connect
from reelscope_runtime.media.host import MediaHost
from reelscope_runtime.settings import MediaSettings, NatsSettings
from support.nats_server import NatsServer


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with clip.mp4, silent.mp4, sound.m4a."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "clip.mp4")
    write_clip(folder / "silent.mp4", audio=False)
    write_clip(folder / "sound.m4a", video=False)
    return folder


@pytest.fixture
def nats() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    connected = await connect(NatsSettings(url=nats.url))
    yield connected
    await connected.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[MediaHost]:
    made = MediaHost(MediaSettings(root=tmp_path / "media"))
    yield made
    made.close()


@pytest.fixture
def web(clips: Path) -> Iterator[Web]:
    with Web(clips).running() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, clips: Path) -> GatewayRuntimeSettings:
    made = settings_for(tmp_path)
    for clip in clips.iterdir():
        (tmp_path / "clips" / clip.name).write_bytes(clip.read_bytes())
    return made


@pytest.fixture
async def vision(bus: Bus) -> AsyncIterator[FakeService]:
    async with FakeService(bus, "vision", {"cut_analysis": "succeed", "text_overlay": "half"}).running() as service:
        yield service


@pytest.fixture
async def audio(bus: Bus) -> AsyncIterator[FakeService]:
    async with FakeService(bus, "audio", {"audio_analysis": "not_applicable"}).running() as service:
        yield service


@pytest.fixture
async def client(
    settings: GatewayRuntimeSettings, bus: Bus, host: MediaHost, vision: FakeService, audio: FakeService
) -> AsyncIterator[Client]:
    async with gateway_client(settings, bus, host) as made:
        yield made
