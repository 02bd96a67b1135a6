"""The forms that a document can be exported in, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument
from reelscope_gateway.exports.subtitles import srt, vtt


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One form.

    Attributes:
        name: As users name it; also the file's ending.
        media_type: For HTTP.
        render: The file's text.
    """

    name: str
    media_type: str
    render: Callable[[AnalysisDocument], str]


FORMATS: Mapping[str, ExportFormat] = {
    one.name: one
    for one in (
        ExportFormat("srt", "application/x-subrip; charset=utf-8", srt),
        ExportFormat("vtt", "text/vtt; charset=utf-8", vtt),
    )
}
