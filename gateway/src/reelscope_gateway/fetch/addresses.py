"""Which URLs may be fetched, and whether their host can be reached at all."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from reelscope_runtime.errors import FetchError, ForbiddenError, InvalidRequestError

log = structlog.get_logger(__name__)

SCHEMES = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 8192
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones (RFC 6052)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL leads: host name or address, and port."""

    host: str
    port: int


def origin_of(url: str) -> Origin:
    """Host and port of a URL that may be fetched.

    Raises:
        InvalidRequestError: It is no http(s) URL; code "unsupported_url".
    """
    shown = url if len(url) <= 200 else f"{url[:200]}…"  # noqa: PLR2004 - enough to recognise it by
    reason = f"cannot fetch {shown!r}: give an http:// or https:// address"
    if len(url) > MAX_URL_CHARACTERS or any(character <= " " for character in url):
        raise InvalidRequestError(reason, code="unsupported_url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequestError(f"{reason} ({error})", code="unsupported_url") from error
    if parts.scheme.lower() not in SCHEMES or not parts.hostname:
        raise InvalidRequestError(reason, code="unsupported_url")
    return Origin(parts.hostname, port or SCHEMES[parts.scheme.lower()])


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open Internet: not loopback, private, link-local, shared or multicast."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip.sixtofour is not None:
            ip = ip.sixtofour
    return ip.is_global and not ip.is_multicast


def private_host_error(host: str) -> ForbiddenError:
    """The refusal of a URL that leads into a private network."""
    return ForbiddenError(
        f"{host} is a loopback, private or link-local address; set REELSCOPE_GATEWAY__FETCH__ALLOW_PRIVATE_HOSTS=true to "
        "fetch from such hosts, or upload the file",
        code="private_host",
    )


async def check_reachable(origin: Origin, *, allow_private_hosts: bool, timeout_s: float) -> None:
    """Resolves the host and connects to it once, so that what can't be reached is known before anything is started.

    The child that downloads checks every address again as it connects: a redirect or a second look-up may lead elsewhere.

    Raises:
        FetchError: It does not resolve, refuses, or does not answer in time; code "unreachable".
        ForbiddenError: It leads to a private address and those are not allowed.
    """
    where = f"{origin.host}:{origin.port}"
    try:
        async with asyncio.timeout(timeout_s):
            await _connect(await _addresses_of(origin, allow_private_hosts=allow_private_hosts), origin.port)
    except TimeoutError as error:
        raise FetchError(
            f"{where} did not answer within {timeout_s:g} s; check the address and the gateway's network",
            code="unreachable",
        ) from error
    except (OSError, UnicodeError) as error:
        raise FetchError(
            f"{where} cannot be reached: {error}; check the address and the gateway's network",
            code="unreachable",
        ) from error


async def refuse_private_name(origin: Origin, *, timeout_s: float) -> None:
    """Refuses a host whose name leads to a private address, without connecting to it: for downloads through a proxy.

    What can't be resolved here is let through: the proxy may know it.

    Raises:
        ForbiddenError: It leads to a private address.
    """
    refuse_private_literal(origin)
    try:
        async with asyncio.timeout(timeout_s):
            await _addresses_of(origin, allow_private_hosts=False)
    except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
        log.info("host_not_resolved", host=origin.host, reason=str(error))


async def _addresses_of(origin: Origin, *, allow_private_hosts: bool) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    if not allow_private_hosts and not all(is_public(address) for address in addresses):
        raise private_host_error(origin.host)
    return addresses


async def _connect(addresses: list[str], port: int) -> None:
    """Connects to the first address that takes it. Addresses, not the name: a second look-up may lead elsewhere."""
    for number, address in enumerate(addresses, 1):
        try:
            _, writer = await asyncio.open_connection(address, port)
        except OSError:
            if number == len(addresses):
                raise
        else:
            writer.close()
            return


def refuse_private_literal(origin: Origin) -> None:
    """Refuses at once what needs no look-up to be seen as private; names are looked up when they are fetched.

    Raises:
        ForbiddenError: The host is a private address or localhost.
    """
    host = origin.host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        raise private_host_error(host)
    try:
        public = is_public(host)
    except ValueError:
        return
    if not public:
        raise private_host_error(host)
