"""The download itself, alone in its process: `python -m reelscope_gateway.fetch.child`.

Reads one `FetchOrder` from stdin; writes JSON lines to the stdout that it was started with: {"fraction": …} while it goes, then
{"file": …, "metadata": {…}} or {"problem": {…}}. Everything that a library prints goes to stderr.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import av
from yt_dlp import YoutubeDL
from yt_dlp.networking import RequestDirector
from yt_dlp.utils import DownloadCancelled, YoutubeDLError, determine_protocol

from reelscope.analysis.v1.analysis_pb2 import Problem
from reelscope_gateway.fetch.addresses import is_public, private_host_error
from reelscope_gateway.fetch.causes import chain_of, problem_of
from reelscope_gateway.fetch.metadata import source_metadata
from reelscope_gateway.fetch.order import FetchOrder
from reelscope_gateway.fetch.remux import join
from reelscope_runtime.contract import to_dict
from reelscope_runtime.errors import FetchError, ServiceError
from reelscope_runtime.process import die_with_parent

FORMATS = "b[height>=720][width>=720]/bv*+ba/b/bv*/ba"
"""One file with both streams if it is sharp; else both apart, joined by `remux`; else whatever there is."""
FORMAT_ORDER = ("res:1080", "ext:mp4:m4a", "proto")
"""Up to 1080 lines (`res` is the smaller side, so vertical clips count the same), MP4 and plain HTTP before others."""
LIVE = frozenset({"is_live", "is_upcoming", "post_live"})

HANDLERS = frozenset({"Urllib", "Requests", "Websockets"})
OTHER_PROGRAMS = ("rtmp", "rtsp", "mms")
"""Protocols for which yt-dlp starts another program."""

Say = Callable[[Mapping[str, object]], None]


class Downloads(YoutubeDL):  # type: ignore[misc,unused-ignore]
    """yt-dlp with the request handlers that connect by Python's sockets, which `refuse_private_connections` sees; the one
    that impersonates browsers has a C library of its own."""

    def build_request_director(self, handlers: Iterable[Any], preferences: Iterable[Any] | None = None) -> RequestDirector:
        """With the known handlers only."""
        return super().build_request_director([one for one in handlers if one.RH_KEY in HANDLERS], preferences)


class _Silent:
    """yt-dlp's logger: what matters comes as exceptions."""

    def debug(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


def refuse_private_connections() -> None:
    """From now on, every connection of this process into a private network is refused, wherever a redirect or a name leads."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event != "socket.connect" or not isinstance(arguments[1], tuple):
            return
        host = str(arguments[1][0])
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return  # a name: it is resolved first, and the connection to its address comes by here
        if not is_public(host):
            raise private_host_error(host)

    sys.addaudithook(hook)


def _options(order: FetchOrder, say: Say) -> dict[str, Any]:
    def progress(state: Mapping[str, Any]) -> None:
        done = int(state.get("downloaded_bytes") or 0)
        if done > order.max_bytes:
            raise DownloadCancelled("too large")
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        if total:
            say({"fraction": min(1.0, done / total)})

    options: dict[str, Any] = {
        "format": FORMATS,
        "format_sort": list(FORMAT_ORDER),
        "logger": _Silent(),
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "progress_hooks": [progress],
        "socket_timeout": order.socket_timeout_s,
        "retries": 1,
        "fragment_retries": 2,
        "extractor_retries": 1,
        "file_access_retries": 0,
        "max_filesize": order.max_bytes,
        "cachedir": False,
        "nopart": True,
        "overwrites": True,
        "updatetime": False,
        "playlist_items": "1",
        "noplaylist": True,
        "hls_prefer_native": True,
        # Other programs' connections are seen by no one: yt-dlp downloads by itself or not at all.
        "external_downloader": {"default": "native"},
        "ffmpeg_location": str(Path(order.folder, "no-ffmpeg")),
        "impersonate": None,
        "allowed_extractors": ["default"],
        "paths": {"home": order.folder, "temp": order.folder},
    }
    if order.proxy:
        options["proxy"] = order.proxy
    if order.cookies_file:
        options["cookiefile"] = str(_own_copy(order))
    return options


def _own_copy(order: FetchOrder) -> Path:
    """The operator's cookie file in the child's own folder: yt-dlp writes its file back when it is done.

    Raises:
        FetchError: It can't be read.
    """
    copy = Path(order.folder, "cookies.txt")
    try:
        shutil.copyfile(order.cookies_file, copy)
    except OSError as error:
        raise FetchError(
            f"the cookie file cannot be read: {error}; check REELSCOPE_GATEWAY__FETCH__COOKIES_FILE", code="fetch_failed"
        ) from error
    return copy


def _one_clip(ydl: YoutubeDL, order: FetchOrder) -> dict[str, Any]:
    """Asks the source what is there; gives the info of one clip with its chosen formats.

    Raises:
        FetchError: A live stream, too large, or nothing there.
        YoutubeDLError: What yt-dlp makes of it.
    """
    info: dict[str, Any] | None = ydl.extract_info(order.url, download=False)
    while info is not None and info.get("_type") in {"playlist", "multi_video"}:
        info = next((entry for entry in info.get("entries") or () if entry), None)
    if info is None:
        raise FetchError("there is no clip at this address; check it, or upload the file", code="unsupported_url")
    if info.get("is_live") or info.get("live_status") in LIVE:
        raise FetchError("this is a live stream, which has no end; submit its recording once it is there", code="live_stream")
    size = sum(int(one.get("filesize") or one.get("filesize_approx") or 0) for one in _formats(info))
    if size > order.max_bytes:
        raise too_large(order.max_bytes, f"the source announces {size} bytes")
    return info


def too_large(max_bytes: int, what: str) -> FetchError:
    """The refusal of a download over the limit."""
    return FetchError(
        f"{what}, the limit is {max_bytes}; give a shorter clip or raise REELSCOPE_GATEWAY__FETCH__MAX_BYTES", code="too_large"
    )


def _formats(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(info.get("requested_formats") or [dict(info)])


def _download(ydl: YoutubeDL, info: dict[str, Any], order: FetchOrder) -> Path:
    parts: list[Path] = []
    for number, chosen in enumerate(_formats(info)):
        whole = {key: value for key, value in info.items() if key != "requested_formats"} | chosen
        protocol = str(determine_protocol(whole))
        if protocol.startswith(OTHER_PROGRAMS):
            raise FetchError(
                f"the source streams over {protocol}, which is not supported; upload the file", code="fetch_failed"
            )
        extension = "".join(letter for letter in str(whole.get("ext") or "bin") if letter.isalnum())[:8]
        part = Path(order.folder, f"part{number}.{extension}")
        success, _ = ydl.dl(str(part), whole)
        if not success:
            # The one thing that a downloader refuses without an exception is a file over max_filesize.
            raise too_large(order.max_bytes, "the file is larger than the download limit")
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    video, audio = sorted(parts, key=_has_video, reverse=True)
    return join(video, audio, Path(order.folder, "joined.mkv"))


def _has_video(path: Path) -> bool:
    with av.open(str(path)) as container:
        return bool(container.streams.video)


def _problem_of(error: Exception) -> Problem:
    """The library's error, or our own refusal of a private address where that is what it wraps."""
    ours = next((one for one in chain_of(error) if isinstance(one, ServiceError)), None)
    return ours.to_problem() if ours is not None else problem_of(error)


def fetch(order: FetchOrder, say: Say) -> None:
    """Downloads and says what came of it."""
    try:
        with Downloads(_options(order, say)) as ydl:
            info = _one_clip(ydl, order)
            path = _download(ydl, info, order)
    except ServiceError as error:
        problem = error.to_problem()
    except DownloadCancelled:
        problem = too_large(order.max_bytes, "the download grew over its limit").to_problem()
    except (YoutubeDLError, OSError, av.FFmpegError) as error:
        problem = _problem_of(error)
    else:
        metadata = to_dict(source_metadata(order.url, info))
        say({"file": str(path), "metadata": metadata})
        return
    say({"problem": to_dict(problem)})


def _speaker(stream: TextIO) -> Say:
    def say(line: Mapping[str, object]) -> None:
        stream.write(json.dumps(line) + "\n")
        stream.flush()

    return say


def main() -> None:
    """Runs one order."""
    order = FetchOrder.from_json(sys.stdin.buffer.read())
    die_with_parent(order.parent_pid)
    if not order.allow_private_hosts and not order.proxy:
        refuse_private_connections()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        fetch(order, _speaker(answers))
    except Exception as error:  # noqa: BLE001 - the last thing this process says; extractors raise whatever they like
        _speaker(answers)({"problem": to_dict(Problem(code="fetch_failed", reason=f"{type(error).__name__}: {error}"))})


if __name__ == "__main__":
    main()
