"""What yt-dlp knows of a clip, as `SourceMetadata`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from reelscope.analysis.v1.analysis_pb2 import SourceMetadata

_TEXTS = {
    "webpage_url": "webpage_url",
    "extractor_key": "extractor",
    "id": "id",
    "title": "title",
    "description": "description",
    "uploader": "uploader",
    "uploader_id": "uploader_id",
    "uploader_url": "uploader_url",
    "channel": "channel",
    "upload_date": "upload_date",
    "track": "track",
    "artist": "artist",
    "thumbnail": "thumbnail",
    "license": "license",
}
_COUNTS = ("view_count", "like_count", "comment_count", "repost_count")
_LISTS = ("tags", "categories")
_INT64_MAX = 2**63 - 1


def _text(value: object) -> str:
    """Text that protobuf takes: lone surrogates, which sites do send, are replaced."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def source_metadata(url: str, info: Mapping[str, object]) -> SourceMetadata:
    """Maps yt-dlp's info dict; what is missing or of an odd type is left out."""
    metadata = SourceMetadata(url=url)
    for theirs, ours in _TEXTS.items():
        value = info.get(theirs)
        if isinstance(value, str | int):
            setattr(metadata, ours, _text(value))
    artists = info.get("artists")
    if not metadata.artist and isinstance(artists, list):
        metadata.artist = _text(", ".join(str(one) for one in artists))
    for name in _COUNTS:
        count = info.get(name)
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _INT64_MAX:
            setattr(metadata, name, count)
    for name in _LISTS:
        values = info.get(name)
        if isinstance(values, list):
            getattr(metadata, name).extend(_text(one) for one in values if isinstance(one, str))
    duration = info.get("duration")
    if isinstance(duration, int | float) and math.isfinite(duration):
        metadata.duration_s = float(duration)
    return metadata
