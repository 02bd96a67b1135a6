"""Runs the downloading child: limits its time and its bytes, passes on its progress, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import structlog
from google.protobuf import json_format

from reelscope.analysis.v1.analysis_pb2 import Problem, SourceMetadata
from reelscope_gateway.fetch.addresses import check_reachable, origin_of, refuse_private_name
from reelscope_gateway.fetch.order import FetchOrder
from reelscope_gateway.settings import FetchSettings
from reelscope_runtime.errors import FetchError, ForbiddenError, ServiceError
from reelscope_runtime.metrics import Metrics
from reelscope_runtime.process import Child, spawn_module

log = structlog.get_logger(__name__)

DISK_CHECK_S = 0.25
"""How often the size on disk is looked at: at 1 GB/s a download overshoots its limit by 256 MB at most."""
LINE_BYTES = 2**20
"""Longest answer of the child; descriptions of clips are some kilobytes."""

PASSED_ON = frozenset({"path", "home", "lang", "tmpdir", "requests_ca_bundle", "http_proxy", "https_proxy", "no_proxy"})
PASSED_ON_PREFIXES = ("XDG_", "SSL_CERT_", "PYTHON")
"""Environment variables that the child gets; case matters to no one in the first list."""

Progress = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A clip on the disk, in the download's own folder: gone when its `fetch` block ends."""

    path: Path
    metadata: SourceMetadata


class Downloader:
    """Fetches clips into private folders.

    Args:
        settings: Limits.
        folder: Where the private folders are made; on the file system of the media store, so that a clip is moved there
            by renaming it.
        metrics: Where downloads are counted.
    """

    def __init__(self, settings: FetchSettings, folder: Path, metrics: Metrics) -> None:
        self._settings = settings
        self._folder = folder
        self._metrics = metrics

    @asynccontextmanager
    async def fetch(self, url: str, progress: Progress) -> AsyncIterator[Fetched]:
        """Downloads the clip; its folder is removed at the end of the block.

        Raises:
            FetchError: With a code by cause: unsupported_url, unreachable, not_found_at_source, login_required, geo_blocked,
                blocked_by_source, too_large, timeout, live_stream, fetch_failed.
            ForbiddenError: It leads into a private network.
            InvalidRequestError: It is no http(s) URL.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        private = Path(mkdtemp(prefix="fetch-", dir=self._folder))
        started = time.perf_counter()
        site = "none"
        try:
            try:
                fetched = await self._fetch(url, private, progress)
                site = fetched.metadata.extractor or "unknown"
            except ServiceError as error:
                self._metrics.fetches.labels(site, error.error_code).inc()
                raise
            self._metrics.fetches.labels(site, "succeeded").inc()
            self._metrics.fetch_seconds.observe(time.perf_counter() - started)
            yield fetched
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, private, ignore_errors=True))

    async def _fetch(self, url: str, private: Path, progress: Progress) -> Fetched:
        settings = self._settings
        origin = origin_of(url)
        if settings.proxy:
            # Only the proxy connects to the source, and may do so by ways that we do not have; where it leads can be asked.
            if not settings.allow_private_hosts:
                await refuse_private_name(origin, timeout_s=settings.connect_timeout_s)
        else:
            await check_reachable(
                origin, allow_private_hosts=settings.allow_private_hosts, timeout_s=settings.connect_timeout_s
            )
        order = FetchOrder(
            url=url,
            folder=str(private),
            max_bytes=settings.max_bytes,
            socket_timeout_s=settings.socket_timeout_s,
            allow_private_hosts=settings.allow_private_hosts,
            proxy=settings.proxy,
            cookies_file=str(settings.cookies_file or ""),
            parent_pid=os.getpid(),
        )
        async with self._child() as (child, answers):
            answer = await self._within_limits(self._converse(child, answers, order, progress), private)
        return self._read(answer, url)

    async def _within_limits(self, conversation: Coroutine[None, None, dict[str, Any]], private: Path) -> dict[str, Any]:
        """The conversation's answer, unless the time or the disk runs out first."""
        talk = asyncio.create_task(conversation)
        watch = asyncio.create_task(self._watch_disk(private))
        try:
            done, _ = await asyncio.wait({talk, watch}, timeout=self._settings.timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise FetchError(
                    f"the download was not done within {self._settings.timeout_s:g} s; try again, upload the file, or raise "
                    "REELSCOPE_GATEWAY__FETCH__TIMEOUT_S",
                    code="timeout",
                )
            if watch in done:
                watch.result()
            return talk.result()
        finally:
            talk.cancel()
            watch.cancel()
            await asyncio.gather(talk, watch, return_exceptions=True)

    @asynccontextmanager
    async def _child(self) -> AsyncIterator[tuple[Child, asyncio.StreamReader]]:
        """The child and what it says. It is killed with all that it started, and reaped, at the end, whatever happens."""
        environment = child_environment(os.environ)
        if self._settings.extractor_path is not None:
            paths = [str(self._settings.extractor_path), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        # Not in a thread: a cancellation there would leave a child that nobody knows.
        child = spawn_module("reelscope_gateway.fetch.child", stderr=subprocess.DEVNULL, env=environment)
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        try:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), child.stdout
            )
            with closing(transport):
                yield child, reader
        finally:
            child.kill()
            await asyncio.shield(asyncio.to_thread(child.close))

    async def _converse(
        self, child: Child, answers: asyncio.StreamReader, order: FetchOrder, progress: Progress
    ) -> dict[str, Any]:
        if child.stdin is None:
            raise FetchError("the downloader has no stdin")
        with suppress(BrokenPipeError):
            child.stdin.write(order.to_json())  # a line or two: never more than a pipe takes at once
            child.stdin.close()
        async for line in answers:
            said = json.loads(line)
            if "fraction" in said:
                await progress(float(said["fraction"]))
            else:
                return dict(said)
        raise FetchError("the downloader ended and said nothing; try again or upload the file", retryable=True)

    async def _watch_disk(self, private: Path) -> None:
        """Raises FetchError once the folder holds more than a download may."""
        limit = self._settings.max_bytes
        while True:
            await asyncio.sleep(DISK_CHECK_S)
            size = await asyncio.to_thread(_size_of, private)
            if size > limit:
                raise FetchError(
                    f"the download grew over {limit} bytes and was stopped; give a shorter clip or raise "
                    "REELSCOPE_GATEWAY__FETCH__MAX_BYTES",
                    code="too_large",
                )

    def _read(self, answer: dict[str, Any], url: str) -> Fetched:
        if "problem" in answer:
            problem = json_format.ParseDict(answer["problem"], Problem())
            log.info("fetch_failed", url=url, code=problem.code, reason=problem.reason)
            kind = ForbiddenError if problem.code == "private_host" else FetchError
            raise kind(problem.reason, code=problem.code, retryable=problem.retryable)
        return Fetched(Path(str(answer["file"])), json_format.ParseDict(answer["metadata"], SourceMetadata()))


def child_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What the child gets of our environment: what Python and HTTPS need, none of the gateway's settings and secrets."""
    return {name: value for name, value in ours.items() if name.lower() in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)}


def _size_of(folder: Path) -> int:
    """Bytes of the downloaded parts; the file that they are joined into comes on top and is not counted."""
    total = 0
    for entry in os.scandir(folder):
        try:
            total += 0 if entry.name.startswith("joined.") else entry.stat().st_size
        except FileNotFoundError:
            continue
    return total
