from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive

from reelscope_gateway.fetch.causes import problem_of


def wrapped(inner: Exception) -> DownloadError:
    """As YoutubeDL raises it."""
    return DownloadError(f"ERROR: {inner}", (type(inner), inner, None))


def http_error(status: int) -> HTTPError:
    response: Any = SimpleNamespace(status=status, reason="Nope", close=lambda: None)
    return HTTPError(response)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "login_required"),
        (403, "blocked_by_source"),
        (404, "not_found_at_source"),
        (410, "not_found_at_source"),
        (429, "blocked_by_source"),
        (451, "geo_blocked"),
        (500, "fetch_failed"),
    ],
)
def test_http_statuses(status: int, code: str) -> None:
    cause = http_error(status)
    assert problem_of(wrapped(ExtractorError("Unable to download webpage", cause=cause, expected=True))).code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GeoRestrictedError("not in your country"), "geo_blocked"),
        (UserNotLive(), "live_stream"),
        (UnsupportedError("https://example.org/"), "unsupported_url"),
        (ExtractorError("Unable to connect", cause=TransportError("Connection refused"), expected=True), "unreachable"),
        (ExtractorError("This video is private", expected=True), "login_required"),
        (ExtractorError("Sign in to confirm you're not a bot", expected=True), "login_required"),
        (ExtractorError("Your IP address is blocked from accessing this post", expected=True), "blocked_by_source"),
        (ExtractorError("Video unavailable. It has been removed by the uploader", expected=True), "not_found_at_source"),
        (ExtractorError("There's no video in this post", expected=True), "unsupported_url"),
        (ExtractorError("This live event will begin in 3 hours.", expected=True), "live_stream"),
        (ExtractorError("JSON did not look as it should", expected=True), "fetch_failed"),
    ],
)
def test_causes(error: Exception, code: str) -> None:
    assert problem_of(wrapped(error)).code == code


def test_the_text_is_for_people() -> None:
    problem = problem_of(
        DownloadError("\x1b[0;31mERROR:\x1b[0m ERROR: broken; please report this issue on https://github.com/x")
    )
    assert "\x1b" not in problem.reason
    assert "please report" not in problem.reason
    assert "upload the file" in problem.reason


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (http_error(429), True),
        (http_error(503), True),
        (http_error(403), False),
        (http_error(404), False),
        (ExtractorError("Too many requests", expected=True), True),
        (ExtractorError("Unable to connect", cause=TransportError("Connection refused"), expected=True), False),
        (ExtractorError("JSON did not look as it should", expected=True), False),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(error: Exception, retryable: bool) -> None:
    assert problem_of(wrapped(error)).retryable is retryable
