"""Which files of this machine may be analyzed by path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reelscope_runtime.errors import ForbiddenError, InvalidRequestError, NotFoundError


def resolve_path(text: str, roots: Sequence[Path]) -> Path:
    """The real file that a path leads to, symbolic links followed.

    Args:
        text: As the caller gave it; a relative path counts from the first root.
        roots: Folders whose files may be read.

    Raises:
        ForbiddenError: It leads out of every root.
        NotFoundError: There is nothing.
        InvalidRequestError: It is a folder or no plain file, or no path at all.
    """
    shown = text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004 - enough to recognise it by
    if not roots:
        raise ForbiddenError(
            f"cannot read {shown!r}: no media root is set (REELSCOPE_GATEWAY__MEDIA_ROOTS, or `reelscope up --media FOLDER`); "
            "upload the file instead",
            code="path_forbidden",
        )
    if "\0" in text:
        raise InvalidRequestError(f"{shown!r} is no path")
    try:
        path = (roots[0] / text).resolve()
        # Asked first: whether a file exists outside the roots is nobody's business.
        if not any(path.is_relative_to(root.resolve()) for root in roots):
            raise ForbiddenError(
                f"{shown!r} is outside the media roots ({', '.join(map(str, roots))}); move it there or upload it",
                code="path_forbidden",
            )
        if not path.exists():
            raise NotFoundError(f"there is no file {shown!r}", code="file_not_found")
        if not path.is_file():
            raise InvalidRequestError(f"{shown!r} is not a file", code="not_a_file")
    except (OSError, RuntimeError) as error:
        # Names longer than the file system takes, loops of links, folders that may not be entered.
        raise InvalidRequestError(f"{shown!r} cannot be read as a path: {error}") from error
    return path
