"""The one error tree.

An error's class says what kind of thing went wrong; the same class decides the gRPC status, the HTTP status and the fate
of a bus message. Texts say what was wrong, with what value, and what to do.
"""

from __future__ import annotations

from typing import ClassVar

from reelscope.analysis.v1.analysis_pb2 import Problem


class ServiceError(Exception):
    """Something that could not be done.

    Args:
        reason: For people: what was wrong, with what value, what to do.
        code: A finer code than the class's own, e.g. "no_video" within "media_unreadable".
        retryable: Overrides the class's own answer to "may the same request succeed later?".
    """

    code: ClassVar[str] = "internal"
    grpc_status: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False

    def __init__(self, reason: str, *, code: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error_code = code or self.code
        self.retryable = self.is_retryable if retryable is None else retryable

    def to_problem(self) -> Problem:
        """The error as it stands in results, events and dead letters."""
        return Problem(code=self.error_code, reason=self.reason, retryable=self.retryable)


class InternalError(ServiceError):
    """A bug of ours: an exception that no part of the tree foresaw."""


class InvalidRequestError(ServiceError):
    """The caller asked for something that makes no sense."""

    code = "invalid_request"
    grpc_status = "INVALID_ARGUMENT"
    http_status = 400


class UnknownAnalyzerError(InvalidRequestError):
    """An analyzer name that no service knows."""

    code = "unknown_analyzer"


class NotFoundError(ServiceError):
    """No such job, result, file or model."""

    code = "not_found"
    grpc_status = "NOT_FOUND"
    http_status = 404


class ConflictError(ServiceError):
    """The thing is not in a state that allows it, or somebody else changed it first."""

    code = "conflict"
    grpc_status = "FAILED_PRECONDITION"
    http_status = 409


class ForbiddenError(ServiceError):
    """A path or address that the caller may not read."""

    code = "forbidden"
    grpc_status = "PERMISSION_DENIED"
    http_status = 403


class MediaError(ServiceError):
    """The media cannot be read: empty, no media at all, broken, encrypted, or in a codec that is not known."""

    code = "media_unreadable"
    grpc_status = "INVALID_ARGUMENT"
    http_status = 422


class MediaTooLargeError(MediaError):
    """The media is larger (bytes, pixels, seconds) than the limits allow."""

    code = "media_too_large"
    http_status = 413


class FetchError(ServiceError):
    """The clip could not be downloaded."""

    code = "fetch_failed"
    grpc_status = "FAILED_PRECONDITION"
    http_status = 422


class UnsupportedError(ServiceError):
    """The contract has it, this version or profile does not do it."""

    code = "unsupported"
    grpc_status = "UNIMPLEMENTED"
    http_status = 501


class ModelUnavailableError(ServiceError):
    """A model or an optional backend is not there, or its bytes are not the ones that the manifest names."""

    code = "model_unavailable"
    grpc_status = "FAILED_PRECONDITION"
    http_status = 503


class ResourceExhaustedError(ServiceError):
    """It does not fit: memory budget, queue, rate."""

    code = "resource_exhausted"
    grpc_status = "RESOURCE_EXHAUSTED"
    http_status = 429
    is_retryable = True


class DeadlineError(ServiceError):
    """The time that was given is over."""

    code = "deadline_exceeded"
    grpc_status = "DEADLINE_EXCEEDED"
    http_status = 504


class CancelledError(ServiceError):
    """Somebody called it off."""

    code = "cancelled"
    grpc_status = "CANCELLED"
    http_status = 499


class UnavailableError(ServiceError):
    """A part that we depend on (bus, object store, another service) does not answer just now."""

    code = "unavailable"
    grpc_status = "UNAVAILABLE"
    http_status = 503
    is_retryable = True
