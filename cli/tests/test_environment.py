from __future__ import annotations

from pathlib import Path

import pytest

from reelscope_cli.stack.environment import StackOptions, gateway_environment, threads_per_service
from reelscope_gateway.settings import GatewayRuntimeSettings


def settings_of(options: StackOptions, folder: Path, monkeypatch: pytest.MonkeyPatch) -> GatewayRuntimeSettings:
    environment = gateway_environment(options, folder=folder, nats_url="nats://127.0.0.1:4")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return GatewayRuntimeSettings()


def test_the_processes_understand_their_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = StackOptions(profile="full", media_roots=[tmp_path / "a,b", Path("/clips")], http_port=8081, grace_s=10)
    settings = settings_of(options, tmp_path, monkeypatch)
    assert settings.nats.url == "nats://127.0.0.1:4"
    assert settings.models.profile == "full"
    assert settings.http.port == 8081
    assert settings.gateway.media_roots == (tmp_path / "a,b", Path("/clips"))
    assert settings.gateway.services == ("vision", "audio", "speech", "temporal")
    assert settings.gateway.fetch.allow_private_hosts
    assert settings.media.root == tmp_path / "media"
    assert settings.worker.drain_s == pytest.approx(7.0)
    assert settings.models.folder.name == "models"  # not private: weights are shared by all stacks
    assert tmp_path not in settings.models.folder.parents


def test_what_the_user_has_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSCOPE_MODELS__THREADS", "7")
    monkeypatch.setenv("REELSCOPE_MODELS__PROFILE", "standard")
    monkeypatch.setenv("REELSCOPE_GATEWAY__FETCH__ALLOW_PRIVATE_HOSTS", "false")
    settings = settings_of(StackOptions(), tmp_path, monkeypatch)
    assert settings.models.threads == 7
    assert settings.models.profile == "standard"
    assert not settings.gateway.fetch.allow_private_hosts


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (4, 2), (8, 4), (16, 8), (64, 8)])
def test_services_share_the_cores(cores: int, threads: int) -> None:
    assert threads_per_service(cores) == threads
