from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reelscope_gateway.fetch.addresses import (
    Origin,
    check_reachable,
    is_public,
    origin_of,
    refuse_private_literal,
    refuse_private_name,
)
from reelscope_runtime.errors import FetchError, ForbiddenError, InvalidRequestError


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://www.tiktok.com/@a/video/1", "www.tiktok.com", 443),
        ("HTTP://Example.org:8080/x.mp4", "example.org", 8080),
        ("http://[::1]/x", "::1", 80),
    ],
)
def test_origin(url: str, host: str, port: int) -> None:
    assert origin_of(url) == Origin(host, port)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "clip.mp4",
        "file:///etc/passwd",
        "ftp://example.org/x.mp4",
        "data:video/mp4;base64,AAAA",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://a b/",
        "http://[::1",
        "http://example.org:99999/",
        "http://example.org\n/",
        "http://example.org/" + "a" * 9000,
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        origin_of(url)
    assert refused.value.error_code == "unsupported_url"
    assert len(refused.value.reason) < 600


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - refused is what it should be
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "::1", "169.254.169.254"])
def test_private_literals_are_refused_without_a_look_up(host: str) -> None:
    with pytest.raises(ForbiddenError):
        refuse_private_literal(Origin(host, 80))


def test_names_are_left_for_the_look_up() -> None:
    refuse_private_literal(Origin("example.org", 80))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example"])
async def test_unresolvable(host: str) -> None:
    with pytest.raises(FetchError) as failed:
        await check_reachable(Origin(host, 80), allow_private_hosts=True, timeout_s=3)
    assert failed.value.error_code == "unreachable"
    assert not failed.value.retryable  # told at once, not after some tries


async def test_a_name_that_leads_home_is_refused() -> None:
    with pytest.raises(ForbiddenError):
        await check_reachable(Origin("localhost", 80), allow_private_hosts=False, timeout_s=3)


class LookUps:
    """Answers look-ups, and says what was connected to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
        self.addresses = addresses
        self.connected: list[str] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._look_up)
        monkeypatch.setattr(asyncio, "open_connection", self._connect)

    async def _look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in self.addresses]

    async def _connect(self, host: str, port: int) -> Any:
        self.connected.append(host)
        raise ConnectionRefusedError(f"{host}:{port}")


async def test_what_was_checked_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    look_ups = LookUps(monkeypatch, "8.8.8.8", "8.8.4.4", "8.8.8.8")
    with pytest.raises(FetchError):
        await check_reachable(Origin("rebinding.example", 80), allow_private_hosts=False, timeout_s=3)
    assert look_ups.connected == ["8.8.8.8", "8.8.4.4"]


async def test_behind_a_proxy_a_name_that_leads_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    look_ups = LookUps(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(ForbiddenError):
        await refuse_private_name(Origin("inside.example", 80), timeout_s=3)
    with pytest.raises(ForbiddenError):
        await refuse_private_name(Origin("127.0.0.1", 80), timeout_s=3)
    look_ups.addresses = ("8.8.8.8",)
    await refuse_private_name(Origin("outside.example", 80), timeout_s=3)
    assert look_ups.connected == []


async def test_behind_a_proxy_a_name_that_only_the_proxy_knows_is_let_through() -> None:
    await refuse_private_name(Origin("no-such-host.invalid", 80), timeout_s=3)
