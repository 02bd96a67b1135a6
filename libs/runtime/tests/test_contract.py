"""JSON of the contract and the documented values of its string fields."""

from __future__ import annotations

import json

import pytest

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzerResult, Segment, Summary
from reelscope_runtime.contract import from_json, invalid_values, to_json
from reelscope_runtime.errors import InvalidRequestError


def document() -> AnalysisDocument:
    made = AnalysisDocument(schema_version="1")
    result = made.analyzer_results["cut_analysis"]
    result.analyzer, result.status = "cut_analysis", "succeeded"
    result.segments.add(start_s=1.5, end_s=1.5).cut.kind = "hard"
    return made


def test_json_has_the_proto_names_and_empty_values_and_is_read_back() -> None:
    text = to_json(document())
    segment = json.loads(text)["analyzer_results"]["cut_analysis"]["segments"][0]
    assert segment["start_s"] == 1.5
    assert segment["confidence"] == 0.0, "a zero is there too"
    assert segment["cut"]["kind"] == "hard"
    assert from_json(text, AnalysisDocument()) == document()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"no_such_field": 1}', '{"schema_version": 1}', b"\xff"])
def test_what_is_no_document_is_refused_with_its_reason(text: str | bytes) -> None:
    with pytest.raises(InvalidRequestError, match="not a valid AnalysisDocument"):
        from_json(text, AnalysisDocument())


def test_values_outside_the_documented_set_are_found_wherever_they_are() -> None:
    made = document()
    assert list(invalid_values(made)) == []
    made.analyzer_results["cut_analysis"].segments[0].cut.kind = "harsh"
    made.analyzer_results["cut_analysis"].status = "fine"
    found = list(invalid_values(made))
    assert len(found) == 2
    assert any(text.startswith("analyzer_results[cut_analysis].segments[0].cut.kind: 'harsh'") for text in found)


def test_numbers_that_are_not_finite_are_found() -> None:
    made = AnalysisDocument(schema_version="1")
    made.metadata.reconstruction_score = float("nan")
    made.analyzer_results["cut_analysis"].segments.add(end_s=float("inf"))
    assert len(list(invalid_values(made))) == 2


def test_every_detail_has_its_summary_under_the_same_name() -> None:
    details = [field.name for field in Segment.DESCRIPTOR.oneofs_by_name["detail"].fields]
    summaries = [field.name for field in Summary.DESCRIPTOR.oneofs_by_name["kind"].fields]
    assert details == summaries
    assert {"object", "text", "camera", "cut", "utterance", "audio_event", "description"} <= set(details)
    assert "segments" in AnalyzerResult.DESCRIPTOR.fields_by_name
