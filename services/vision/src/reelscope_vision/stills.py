"""AnalyzeImage: the analyzers that make sense for one picture, on one picture."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from reelscope.analysis.v1.analysis_pb2 import AnalyzeOptions, AnalyzerResult, Segment
from reelscope.vision.v1.vision_pb2 import AnalyzeImageRequest, AnalyzeImageResponse
from reelscope_runtime.engine.catalog import Catalog
from reelscope_runtime.engine.run import Cancellation, Run
from reelscope_runtime.errors import InvalidRequestError, MediaError, MediaTooLargeError
from reelscope_runtime.server.resources import Resources

DEADLINE_S = 60.0
"""One picture takes well below a second; a decoder that hangs is given up."""

LONGEST_S = 1.5
"""Formats of single pictures give them up to a second; what moves for longer is a clip."""


class Stills:
    """Answers for pictures, one at a time, beside the tasks.

    A picture is a clip of one frame: the same decoder process reads it, with the same limits, and the same nodes look at it.

    Args:
        catalog: The service's nodes.
        resources: Its means.
    """

    def __init__(self, catalog: Catalog, resources: Resources) -> None:
        self._catalog = catalog
        self._resources = resources
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="still")

    async def analyze(self, request: AnalyzeImageRequest) -> AnalyzeImageResponse:
        """Looks at one encoded picture.

        Raises:
            InvalidRequestError: No picture but nothing or a clip, or an analyzer that needs one.
            UnknownAnalyzerError: An analyzer that is not ours.
            MediaError: What came can't be read as a picture.
        """
        if not request.image:
            raise InvalidRequestError("image is empty: send an encoded picture (JPEG, PNG, WebP …)")
        names = self._names(request.analyzers)
        cancellation = Cancellation()
        look = partial(self._look, bytes(request.image), names, cancellation)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, look)
        except asyncio.CancelledError:
            # The caller is gone: the next one must not wait for this picture.
            cancellation.cancel()
            raise

    def _names(self, asked: Sequence[str]) -> tuple[str, ...]:
        able = tuple(name for name, kind in self._catalog.analyzers.items() if kind.stills)
        names = self._catalog.select(asked) if asked else able
        if unable := [name for name in names if name not in able]:
            raise InvalidRequestError(f"{', '.join(unable)} can't be told from one picture; these can: {', '.join(able)}")
        return names

    def _look(self, image: bytes, names: Sequence[str], cancellation: Cancellation) -> AnalyzeImageResponse:
        resources = self._resources
        with tempfile.TemporaryDirectory(prefix="reelscope-still-") as folder:
            path = Path(folder) / "picture"
            path.write_bytes(image)
            try:
                info = resources.host.probe(path)
            except MediaTooLargeError:
                raise
            except MediaError as error:
                reason = "image can't be read as a picture: send JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"
                raise MediaError(reason, code=error.error_code) from error
            if info.HasField("audio") or info.duration_s > LONGEST_S:
                raise InvalidRequestError(f"image holds a clip of {info.duration_s:.1f} s, no picture: Analyze takes clips")
            run = Run(
                self._catalog,
                names,
                media=info,
                options=AnalyzeOptions(),
                lease=resources.pool.lease,
                sink=_Silent(),
                threads=resources.settings.models.threads,
            )
            results = run.execute(lambda specs: resources.host.decode(path, info, specs), cancellation, DEADLINE_S)
        response = AnalyzeImageResponse(width=info.video.width, height=info.video.height)
        for result in results:
            result.service, result.profile = "vision", resources.settings.models.profile
            result.version = self._catalog.version_of(result.analyzer)
            response.analyzer_results[result.analyzer].CopyFrom(result)
        return response


class _Silent:
    """One answer is enough: nobody watches."""

    def progress(self, fraction: float, media_time_s: float) -> None:
        """Unheard."""

    def segments(self, analyzer: str, first_index: int, segments: Sequence[Segment]) -> None:
        """Unheard."""

    def result(self, result: AnalyzerResult) -> None:
        """Unheard."""
