"""Errors as RFC 9457 problem details: the one place where HTTP meets the error tree."""

from __future__ import annotations

import json
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from reelscope_gateway.jobs.records import JobIsFinalError
from reelscope_gateway.jobs.service import JobStateError
from reelscope_runtime.errors import InternalError, InvalidRequestError, ServiceError

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
CLIENT_GONE = 499
"""nginx's "client closed request", which http.HTTPStatus does not know."""
RETRY_AFTER_S = 5


def problem_response(error: ServiceError, instance: str) -> Response:
    """The error as the client gets it.

    Args:
        error: What went wrong.
        instance: The path that was asked.
    """
    status = error.http_status
    body: dict[str, object] = {
        "type": f"urn:reelscope:problem:{error.error_code}",
        "title": "Client Closed Request" if status == CLIENT_GONE else HTTPStatus(status).phrase,
        "status": status,
        "detail": error.reason,
        "instance": instance,
        "code": error.error_code,
        "retryable": error.retryable,
    }
    if isinstance(error, JobStateError | JobIsFinalError):
        body |= {"job_id": error.job.job_id, "state": error.job.state}
        if error.job.HasField("problem"):
            body["job_problem"] = {"code": error.job.problem.code, "reason": error.job.problem.reason}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if error.retryable else None
    return _answer(status, body, headers)


def _answer(status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    # Lone surrogates, which a client may have sent and an error text repeats, can't be encoded: replaced.
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status, headers, PROBLEM_JSON)


def add_problem_handlers(app: FastAPI) -> None:
    """Has every error of the app answered as a problem, those of the framework included."""

    async def service_error(request: Request, error: Exception) -> Response:
        known = error if isinstance(error, ServiceError) else _unforeseen(request, error)
        return problem_response(known, request.url.path)

    async def http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return await service_error(request, error)
        phrase = HTTPStatus(error.status_code).phrase
        body: dict[str, object] = {
            "type": "about:blank",
            "title": phrase,
            "status": error.status_code,
            "detail": f"{error.detail}: {request.method} {request.url.path}; see /docs for what there is",
            "instance": request.url.path,
            "code": phrase.lower().replace(" ", "_").replace("-", "_"),
            "retryable": False,
        }
        return _answer(error.status_code, body, dict(error.headers or {}))

    async def validation_error(request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        reason = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found) or "the request is not valid"
        return problem_response(InvalidRequestError(reason), request.url.path)

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(Exception, service_error)


def _unforeseen(request: Request, error: Exception) -> ServiceError:
    log.error("http_request_broke", method=request.method, path=request.url.path, exc_info=error)
    return InternalError(f"{type(error).__name__}: {error}")
