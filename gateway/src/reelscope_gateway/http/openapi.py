"""What the routes say of themselves on the OpenAPI page."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from google.protobuf.descriptor import Descriptor

from reelscope.analysis.v1.analysis_pb2 import AnalysisDocument, AnalyzeEvent, ListAnalyzersResponse
from reelscope.gateway.v1.gateway_pb2 import (
    Job,
    ListJobsResponse,
    SubmitBatchRequest,
    SubmitBatchResponse,
    SubmitJobRequest,
)
from reelscope_gateway.exports.formats import FORMATS
from reelscope_gateway.http.problems import PROBLEM_JSON
from reelscope_gateway.http.schemas import Schema, reference, schemas_of

MESSAGES = (
    SubmitJobRequest,
    SubmitBatchRequest,
    SubmitBatchResponse,
    Job,
    ListJobsResponse,
    AnalysisDocument,
    AnalyzeEvent,
    ListAnalyzersResponse,
)

PROBLEM: Schema = {
    "type": "object",
    "title": "Problem details (RFC 9457)",
    "required": ["type", "title", "status", "detail", "code", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, with what value, and what to do."},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "For programs: unknown_analyzer, media_unreadable, job_not_finished …"},
        "retryable": {"type": "boolean", "description": "Whether the same request may succeed later."},
        "state": {"type": "string", "description": "The job's state, where that is the trouble."},
    },
    "example": {
        "type": "urn:reelscope:problem:unknown_analyzer",
        "title": "Bad Request",
        "status": 400,
        "detail": "there is no analyzer 'cut_analyses'; there are: audio_analysis, cut_analysis",
        "instance": "/v1/jobs",
        "code": "unknown_analyzer",
        "retryable": False,
    },
}

SUBMIT_EXAMPLES: Schema = {
    "url": {"summary": "From the web", "value": {"url": "https://www.tiktok.com/@scout2015/video/6718335390845095173"}},
    "path": {
        "summary": "A file that the gateway can read",
        "value": {"path": "clips/reel.mp4", "analyzers": ["cut_analysis", "text_overlay"], "priority": "high"},
    },
    "options": {
        "summary": "With options",
        "value": {"path": "clips/reel.mp4", "profile": "lite", "options": {"language": "en"}, "idempotency_key": "order-17"},
    },
}

FORM: Schema = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "analyzers": {"type": "string", "description": "Names, comma-separated or the field repeated; none: all."},
        "profile": {"type": "string", "enum": ["", "lite", "standard", "full"]},
        "priority": {"type": "string", "enum": ["", "high", "normal", "low"]},
        "options": {"type": "string", "description": "AnalyzeOptions as JSON."},
        "idempotency_key": {"type": "string"},
        "url": {"type": "string", "description": "In place of a file."},
        "path": {"type": "string", "description": "In place of a file."},
    },
}

SUBMIT_BODY: Schema = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": reference(SubmitJobRequest.DESCRIPTOR), "examples": SUBMIT_EXAMPLES},
            "multipart/form-data": {"schema": FORM},
        },
    }
}


def json_body(message: Descriptor) -> Schema:
    """A JSON request body."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": reference(message)}}}}


def answers(message: Descriptor, *problems: int, status: int = 200) -> dict[int | str, dict[str, object]]:
    """The answers of a route: the message, and problems with these statuses."""
    described: dict[int | str, dict[str, object]] = {
        status: {"description": message.name, "content": {"application/json": {"schema": reference(message)}}}
    }
    return described | problem_answers(*problems)


def problem_answers(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Problems with these statuses."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": "Problem", "content": content} for status in statuses}


EVENT_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {
        "description": "Server-sent events: id is the sequence; event is job (data: Job), progress, segments, result or "
        "problem (data: AnalyzeEvent). The stream ends after the job's last event.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The client has seen the last event."},
}


TRANSCRIPT_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {
        "description": "SubRip or WebVTT, UTF-8; cues of at most two lines, speakers named where several speak.",
        "content": {form.media_type.partition(";")[0]: {"schema": {"type": "string"}} for form in FORMATS.values()},
    },
}


def describe(app: FastAPI) -> None:
    """Has the app's schema made from the contract."""

    def openapi() -> dict[str, object]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = schema.setdefault("components", {}).setdefault("schemas", {})
            components |= schemas_of(message.DESCRIPTOR for message in MESSAGES)
            components["ProblemDetails"] = PROBLEM
            app.openapi_schema = schema
        return app.openapi_schema

    # FastAPI's documented way to have a schema of one's own.
    app.openapi = openapi  # type: ignore[method-assign]
