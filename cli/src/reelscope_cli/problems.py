"""What a gateway answers when it can't: RFC 9457 problem details back into the error tree."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx

from reelscope_runtime import errors
from reelscope_runtime.errors import InternalError, InvalidRequestError, ServiceError, UnavailableError

SERVER_ERROR = 500
SHOWN_BODY = 200


def error_of(response: httpx.Response) -> ServiceError:
    """The error that a response with status 400 or above stands for.

    The class comes from the problem's code or, where that is finer than the tree, from the HTTP status; the code stays.
    """
    body = _body(response)
    status = response.status_code
    code = body.get("code")
    retryable = body.get("retryable")
    detail = body.get("detail") or f"{response.request.url} answered {status}: {response.text[:SHOWN_BODY] or 'nothing'}"
    return _class_for(str(code), status)(
        str(detail),
        code=str(code) if code else None,
        retryable=retryable if isinstance(retryable, bool) else None,
    )


def connection_error(error: httpx.HTTPError, base_url: str) -> UnavailableError:
    """The gateway did not answer at all."""
    return UnavailableError(f"the gateway at {base_url} does not answer: {str(error) or type(error).__name__}")


def _body(response: httpx.Response) -> dict[str, object]:
    try:
        body = json.loads(response.text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _class_for(code: str, status: int) -> type[ServiceError]:
    tree = list(_tree(ServiceError))
    by_code = next((kind for kind in tree if kind.code == code and kind.http_status == status), None)
    by_status = next((kind for kind in tree if kind.http_status == status), None)
    return by_code or by_status or (InternalError if status >= SERVER_ERROR else InvalidRequestError)


def _tree(root: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """The classes of the tree itself, the general before the special; what others derived from it is not ours to raise."""
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from _tree(kind)
