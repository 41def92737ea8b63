"""Errors as answers: one exception handler, one table, one form.

Every refused request is `{"error": TEXT, "kind": KIND}`: the text for a person, the kind for a
program; of SQL also `line`, `column` and an `excerpt` with a caret below, where the place is known.
What is our own fault says so and nothing else; the log has the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from solarocpp.errors import (
    BadSourcePattern,
    BadTimeRange,
    QueryError,
    QueryInterrupted,
    RegistryError,
    SqlRefused,
    StoreError,
    StoreFull,
    UnknownProperty,
)
from solarocpp.web.envelopes import Failure, SolarNetworkFailure, is_solarnetwork_path
from solarocpp.web.solaruser.faults import DUPLICATE_KEY, KEY_NOT_FOUND, Refused

log = structlog.get_logger()


class _Row(NamedTuple):
    status: int
    kind: str


# The first row whose class fits. 422: we understood the request and its content cannot be used.
_BY_CLASS: tuple[tuple[type[Exception], _Row], ...] = (
    (UnknownProperty, _Row(422, "unknown_property")),
    (BadTimeRange, _Row(422, "bad_time_range")),
    (BadSourcePattern, _Row(422, "bad_source_pattern")),
    (SqlRefused, _Row(422, "sql_refused")),
    (QueryInterrupted, _Row(408, "query_interrupted")),
    (QueryError, _Row(422, "bad_query")),
    (StoreFull, _Row(507, "store_full")),
    (StoreError, _Row(503, "store_unavailable")),
)
_REGISTRY_KINDS = {404: "unknown", 409: "taken", 422: "refused"}
_HTTP_KINDS = {
    401: "unauthorized",
    403: "forbidden",
    404: "no_such_route",
    405: "no_such_method",
    406: "not_acceptable",
    409: "busy",
    413: "too_large",
    503: "unavailable",
}


class RequestOfAnybody(Request[Any, Any, Any]):
    """A request whose body may be anything: what is no JSON is a fault of whoever sent it, however it is none."""

    async def json(self) -> Any:
        """Reads the body.

        Raises:
            SerializationException: it is no JSON, no UTF-8 (msgspec looks inside of texts last), or nested too deep.
        """
        try:
            return await super().json()
        except (UnicodeError, RecursionError) as exc:
            raise SerializationException(str(exc)) from exc


def answer_failure(
    request: Request[Any, Any, Any], error: Exception
) -> Response[Failure] | Response[SolarNetworkFailure]:
    """Turns whatever a handler raised into an answer: catch point 3 of 4 (style part 4).

    `web.quack` has a protocol of its own, and catches in front of it.
    """
    if is_solarnetwork_path(request.url.path):
        return _answer_solarnetwork(request, error)
    headers: dict[str, str] | None = None
    match error:
        case RegistryError():
            row = _Row(error.status, f"{error.kind}_{_REGISTRY_KINDS[error.status]}")
            text = str(error)
        case ValidationException():
            row, text = _Row(400, "bad_request"), _validation_text(error)
        case HTTPException():
            row, text = _Row(error.status_code, _HTTP_KINDS.get(error.status_code, "bad_request")), error.detail
            headers = error.headers
        case _:
            found = next((found for kind, found in _BY_CLASS if isinstance(error, kind)), None)
            row, text = found or _Row(500, "internal"), str(error)
            if found is None:
                text = text_of_defect(error, request.method, request.url.path)
    failure = Failure(text, row.kind)
    if isinstance(error, SqlRefused):
        failure = Failure(text, row.kind, error.line, error.column, error.excerpt)
    return Response(failure, status_code=row.status, headers=headers, media_type=MediaType.JSON)


class _Fault(NamedTuple):
    """A row of spec 2.8."""

    status: int
    message: str
    code: str | None = None


# The disk is full, or the store is stopped or cannot answer in time: trouble that passes.
_TROUBLE = "DAO.00200"


def _answer_solarnetwork(request: Request[Any, Any, Any], error: Exception) -> Response[SolarNetworkFailure]:
    fault = _fault(error)
    if fault is None:
        text_of_defect(error, request.method, request.url.path)
        fault = _Fault(500, "Internal error")
    failure = SolarNetworkFailure(success=False, message=fault.message, code=fault.code)
    headers = error.headers if isinstance(error, HTTPException) else None
    return Response(failure, status_code=fault.status, headers=headers, media_type=MediaType.JSON)


def _fault(error: Exception) -> _Fault | None:
    match error:
        case Refused():
            return _Fault(error.status_code, error.detail, error.code)
        case RegistryError(status=404):
            return _Fault(404, "The requested key was not found.", KEY_NOT_FOUND)
        case RegistryError(status=409):
            return _Fault(422, str(error), DUPLICATE_KEY)
        case RegistryError():
            return _Fault(422, str(error))
        case HTTPException():
            return _http_fault(error)
        case QueryInterrupted() | StoreError():
            return _Fault(429, str(error), _TROUBLE)
        case QueryError():
            return _Fault(422, f"Illegal argument: {error}")
        case _:
            return None


def _http_fault(error: HTTPException) -> _Fault:
    match error:
        case ValidationException():
            return _Fault(422, f"{'Malformed JSON' if _is_about_body(error) else 'Illegal argument'}: {_named(error)}")
        case HTTPException(status_code=400):
            return _Fault(422, f"Malformed JSON: {error.detail}")
        case HTTPException(status_code=404):
            return _Fault(404, "There is nothing at this path.", "404")
        case _:
            return _Fault(error.status_code, error.detail)


def _is_about_body(error: ValidationException) -> bool:
    return any(isinstance(part, dict) and part.get("source") == "body" for part in error.extra or ())


def _named(error: ValidationException) -> str:
    text = _validation_text(error)
    return "a body is expected." if text == "'data'." else text


def text_of_defect(error: Exception, method: str, path: str) -> str:
    """Logs what is our own fault; whoever asked is told no more than that, since its text may quote a password."""
    log.error("request_failed", method=method, path=path, exc_info=error)
    return "The server failed on this request; its log says why."


def _validation_text(error: ValidationException) -> str:
    """Names the fields; Litestar's own text names only the route."""
    parts = []
    for part in error.extra or ():
        if isinstance(part, dict):
            key = part.get("key")
            message = str(part.get("message", "")).rstrip(".")
            parts.append(f"{key}: {message}." if key and key != "data" else f"{message}.")
    return " ".join(parts) or error.detail
