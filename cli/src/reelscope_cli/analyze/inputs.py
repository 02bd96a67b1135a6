"""What the command's arguments mean: addresses, files, and the media in folders."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from reelscope_runtime.errors import InvalidRequestError, NotFoundError

_VIDEO_SUFFIXES = (
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
)
_AUDIO_SUFFIXES = (".aac", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wma")
MEDIA_SUFFIXES = frozenset(_VIDEO_SUFFIXES + _AUDIO_SUFFIXES)
"""Only for folders: a file that is named is analyzed whatever it is called."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SCHEMES = ("http", "https")
_UNFIT = re.compile(r"[^\w.-]+")
LONGEST_STEM = 120


@dataclass(frozen=True, slots=True)
class Clip:
    """One thing to analyze.

    Attributes:
        source: As the user named it, or the path below the folder that he named.
        path: The real file; None for an address.
        name: What its document is called, without suffix; unique within the run.
    """

    source: str
    path: Path | None
    name: str


def expand(arguments: Sequence[str]) -> list[Clip]:
    """The clips that are meant, in order, each once.

    Raises:
        NotFoundError: A file or folder is not there, or a folder holds no media.
        InvalidRequestError: An address of another kind than http and https, or something that is no file.
    """
    clips: list[Clip] = []
    taken: set[str] = set()
    seen: set[str] = set()
    for argument in arguments:
        for source, path in _sources(argument):
            identity = str(path) if path is not None else source
            if identity in seen:
                continue
            seen.add(identity)
            stem = Path(source).stem if path is not None else _name_of_url(source)
            clips.append(Clip(source, path, _unique(stem, taken)))
    return clips


def _sources(argument: str) -> Iterator[tuple[str, Path | None]]:
    if _URL.match(argument):
        parts = urlsplit(argument)
        if parts.scheme.lower() not in _SCHEMES or not parts.hostname:
            raise InvalidRequestError(f"{argument!r} is no http or https address", code="unsupported_url")
        yield argument, None
        return
    path = Path(argument)
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.suffix.lower() in MEDIA_SUFFIXES and one.is_file())
        if not found:
            raise NotFoundError(f"there is no media file in {argument!r}", code="file_not_found")
        yield from ((str(one), one.resolve()) for one in found)
    elif path.is_file():
        yield argument, path.resolve()
    elif path.exists():
        raise InvalidRequestError(f"{argument!r} is neither a file nor a folder", code="not_a_file")
    else:
        raise NotFoundError(f"there is no file {argument!r}", code="file_not_found")


def _name_of_url(url: str) -> str:
    """The clip's id at its source, as far as the address shows it: `v=` of YouTube, else the path's last part."""
    parts = urlsplit(url)
    named = parse_qs(parts.query).get("v", [""])[0]
    last = next((part for part in reversed(parts.path.split("/")) if part), "")
    stem = last.rpartition(".")[0] or last
    return named or stem or str(parts.hostname)


def _unique(stem: str, taken: set[str]) -> str:
    plain = _UNFIT.sub("_", stem).strip("._")[:LONGEST_STEM] or "clip"
    name = plain
    number = 2
    while name.lower() in taken:  # some file systems hold Clip.json and clip.json for the same
        name = f"{plain}-{number}"
        number += 1
    taken.add(name.lower())
    return name
