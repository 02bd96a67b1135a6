"""Why a download failed: yt-dlp's exceptions and texts turned into codes.

Extractors have no codes of their own, so beside exception types and HTTP statuses their texts are read; the phrases are
those of yt-dlp's extractors (2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, GeoRestrictedError, UnsupportedError, UserNotLive

from reelscope.analysis.v1.analysis_pb2 import Problem

_ADVICE = {
    "unsupported_url": "there is no video that can be downloaded at this address; give the page of one clip, a direct link, or "
    "upload the file",
    "unreachable": "check the address and the gateway's network",
    "not_found_at_source": "the clip was removed or never was there; check the address",
    "login_required": "the source wants a login; set REELSCOPE_GATEWAY__FETCH__COOKIES_FILE or upload the file",
    "geo_blocked": "the source does not serve this region; set REELSCOPE_GATEWAY__FETCH__PROXY or upload the file",
    "blocked_by_source": "the source refuses this address; wait, set REELSCOPE_GATEWAY__FETCH__PROXY or upload the file",
    "live_stream": "live streams have no end; submit the recording once it is there",
    "fetch_failed": "upload the file, or try a newer yt-dlp (REELSCOPE_GATEWAY__FETCH__EXTRACTOR_PATH)",
}
_TEMPORARY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_TEMPORARY_TEXT = re.compile("too many requests|rate.?limit", re.IGNORECASE)
"""What passes by itself within seconds. An unreachable host is not among it: that is told at once, not after some tries."""
_BY_STATUS = {
    401: "login_required",
    402: "login_required",
    403: "blocked_by_source",
    404: "not_found_at_source",
    410: "not_found_at_source",
    429: "blocked_by_source",
    451: "geo_blocked",
}
_PHRASES = {
    "live_stream": ("live (event|stream)", "is (not )?currently live", "will begin in", "premieres in", "is offline"),
    "geo_blocked": ("geo.?(restrict|block)", "in your (country|region|location)", "from your location"),
    "login_required": (
        "log.?in",
        "sign.?in",
        "logged.in",
        "private (video|account|post)",
        "is private",
        "members.only",
        "subscribers?.only",
        "confirm your age",
        "age.restricted",
        "cookies",
        "account credentials",
        "authenticat",
        "password",
        "purchase",
        "premium",
    ),
    "blocked_by_source": (
        "IP address is blocked",
        "too many requests",
        "rate.?limit",
        "captcha",
        "not a bot",
        "access denied",
    ),
    "not_found_at_source": (
        "not found",
        "removed",
        "deleted",
        "no longer (available|exists|accessible)",
        "does(n't| not) exist",
        "unavailable",
        "not available",
        "terminated",
    ),
    "unsupported_url": ("unsupported url", "no video", "no media", "no formats", "no suitable", "there.s no"),
}
_BY_TEXT = {code: re.compile("|".join(phrases), re.IGNORECASE) for code, phrases in _PHRASES.items()}
"""In the order in which they are looked for: "this private video is not available" wants a login."""


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it says caused it, outermost first."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        info = getattr(current, "exc_info", None)
        waiting += [
            getattr(current, "cause", None),
            info[1] if isinstance(info, tuple) else None,
            current.__cause__,
            current.__context__,
            # What yt-dlp's request handlers did not expect: our own refusal of a private address is among it.
            *getattr(current, "unexpected_errors", ()),
        ]


def _code_of(error: BaseException) -> str:
    chain = list(chain_of(error))
    for one in chain:
        if isinstance(one, GeoRestrictedError):
            return "geo_blocked"
        if isinstance(one, UserNotLive):
            return "live_stream"
        if isinstance(one, UnsupportedError):
            return "unsupported_url"
    for one in chain:
        if isinstance(one, HTTPError):
            status = int(one.status)
            return _BY_STATUS.get(status, "fetch_failed")
    for one in chain:
        if isinstance(one, TransportError | ConnectionError | TimeoutError):
            return "unreachable"
    text = str(error)
    return next((code for code, pattern in _BY_TEXT.items() if pattern.search(text)), "fetch_failed")


def _is_temporary(error: BaseException) -> bool:
    """Whether the source itself says that the same request may soon succeed."""
    statuses = [int(one.status) for one in chain_of(error) if isinstance(one, HTTPError)]
    return statuses[0] in _TEMPORARY_STATUSES if statuses else _TEMPORARY_TEXT.search(str(error)) is not None


def _plain_text(error: BaseException) -> str:
    """yt-dlp's words without colour codes, its prefix, and its request to file a bug."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).removeprefix("ERROR: ")
    text = re.split(r"; please report this issue on|\. Use --|\(caused by", text, maxsplit=1)[0]
    return " ".join(text.split()).rstrip(". ")[:500]


def problem_of(error: DownloadError | Exception) -> Problem:
    """The cause as the job's record tells it."""
    code = _code_of(error)
    retryable = code in {"blocked_by_source", "fetch_failed"} and _is_temporary(error)
    return Problem(code=code, reason=f"{_plain_text(error)}; {_ADVICE[code]}", retryable=retryable)
