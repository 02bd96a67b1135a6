"""Clips in S3 or what speaks its language."""

from __future__ import annotations

from pathlib import Path

from reelscope_gateway.settings import S3Settings
from reelscope_gateway.store.base import ClipStore, Incoming
from reelscope_runtime.errors import InvalidRequestError, UnavailableError


class S3Store(ClipStore):
    """One object per clip: `prefix/<sha256><extension>`.

    Args:
        settings: Bucket and prefix; region, endpoint and keys come from the usual AWS_ variables, as in the services.
        incoming: Where files arrive.

    Raises:
        InvalidRequestError: No bucket is set, or obstore is not installed.
    """

    def __init__(self, settings: S3Settings, incoming: Incoming) -> None:
        super().__init__(incoming)
        if not settings.bucket:
            raise InvalidRequestError("the store is s3 but REELSCOPE_GATEWAY__S3__BUCKET is not set")
        try:
            # Imported here: only those who use S3 need it.
            import obstore  # noqa: PLC0415
            from obstore.store import S3Store as Bucket  # noqa: PLC0415
        except ImportError as error:
            raise InvalidRequestError("the store is s3 but obstore is missing: pip install 'reelscope-runtime[s3]'") from error
        self._put = obstore.put_async
        self._failure = obstore.exceptions.BaseError
        self._bucket = Bucket(settings.bucket)
        self._settings = settings

    async def _place(self, path: Path, sha256: str, extension: str) -> str:
        key = "/".join(part for part in (self._settings.prefix.strip("/"), f"{sha256}{extension}") if part)
        try:
            await self._put(self._bucket, key, path)
        except (self._failure, OSError) as error:
            raise UnavailableError(f"cannot keep the clip as s3://{self._settings.bucket}/{key}: {error}") from error
        return f"s3://{self._settings.bucket}/{key}"
