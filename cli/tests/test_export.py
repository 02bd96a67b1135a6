"""`reelscope export`, and exports beside the documents."""

from __future__ import annotations

from pathlib import Path

import srt
from typer.testing import CliRunner

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, Segment
from reelscope.speech.v1.details_pb2 import UtteranceDetail, Word
from reelscope_cli.analyze.outputs import write_document
from reelscope_cli.main import app


def document() -> AnalysisDocument:
    made = AnalysisDocument()
    words = [Word(text="Hello", start_s=0.5, end_s=0.9), Word(text="there.", start_s=1.0, end_s=1.4)]
    transcript = made.analyzer_results["speech_transcription"]
    transcript.status = "succeeded"
    transcript.segments.append(Segment(start_s=0.5, end_s=1.4, utterance=UtteranceDetail(text="Hello there.", words=words)))
    return made


def test_a_document_becomes_subtitles_beside_it(tmp_path: Path) -> None:
    path = write_document(tmp_path, "clip", document())
    result = CliRunner().invoke(app, ["export", str(path), "--format", "srt"])
    assert result.exit_code == 0
    assert result.stdout.strip() == str(tmp_path / "clip.srt")
    (cue,) = srt.parse((tmp_path / "clip.srt").read_text(encoding="utf-8"))
    assert cue.content == "Hello there."
    assert CliRunner().invoke(app, ["export", str(path), "--format", "vtt"]).exit_code == 0
    assert (tmp_path / "clip.vtt").read_text(encoding="utf-8").startswith("WEBVTT")


def test_what_is_no_document_is_said(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("[1, 2", encoding="utf-8")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "odd.json"), str(tmp_path / "none.json"), "--format", "srt"])
    assert result.exit_code == 2
    assert result.stderr.count("is no document of ours") == 2
    assert not list(tmp_path.glob("*.srt"))
