"""What the API answers when it refuses: ``application/problem+json`` (RFC 9457).

    {"type": "about:blank", "title": "Forbidden", "status": 403, "code": "wrong_tenant", "detail": "a sentence"}

`code` is stable, `detail` is for people; neither ever quotes a value of the request.
"""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException

from penstock.model.errors import ConfigurationError, PenstockError, RejectedError, UnreachableError

MEDIA_TYPE = "application/problem+json"


_SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable."},
        "detail": {"type": "string", "description": "For people."},
        "faults": {
            "type": "array",
            "description": "Of a request that is not of the shape: where, and what.",
            "items": {"type": "object", "properties": {"at": {"type": "string"}, "fault": {"type": "string"}}},
        },
        "key": {"type": "string", "description": "Of a pipeline that is refused: its dotted key."},
        "line": {"type": ["integer", "null"], "description": "And the line, where it came as text."},
    },
}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
    for status in (400, 401, 403, 404, 413, 422, 429, 502, 503)
}
"""What any route below ``/etl`` may answer beside what it is for, as OpenAPI has it."""


class ProblemError(Exception):
    """A refusal.

    Parameters
    ----------
    status : int
    code : str
        Stable identifier of the reason.
    detail : str
        For people.
    more : mapping, optional
        Further keys of the body.
    headers : mapping, optional
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        more: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.more = more or {}
        self.headers = headers or {}


def answer(problem: ProblemError) -> JSONResponse:
    """The response for a problem."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **problem.more,
    }
    return JSONResponse(body, problem.status, problem.headers, media_type=MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Make the body of every refusal a problem: our own, those of routing and validation, and what services raise."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ProblemError)
        return answer(error)

    async def routing(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        phrase = HTTPStatus(error.status_code).phrase
        code = phrase.lower().replace(" ", "_")
        return answer(ProblemError(error.status_code, code, f"{phrase}.", headers=dict(error.headers or {})))

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = [{"at": ".".join(map(str, fault["loc"])), "fault": fault["type"]} for fault in error.errors()]
        detail = "; ".join(f"{fault['at']}: {fault['fault']}" for fault in faults)
        return answer(ProblemError(422, "invalid", detail, more={"faults": faults}))

    async def raised(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, PenstockError)
        return answer(_of(error))

    async def database(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DBAPIError)
        return answer(ProblemError(503, "database", f"the database failed: {type(error.orig).__name__}"))

    app.add_exception_handler(ProblemError, ours)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(PenstockError, raised)
    app.add_exception_handler(DBAPIError, database)


def _of(error: PenstockError) -> ProblemError:
    """What an error of the product means to who called."""
    if isinstance(error, UnreachableError):
        return ProblemError(503, error.code, error.message, headers={"Retry-After": "5"})
    if isinstance(error, RejectedError):
        return ProblemError(502, error.code, error.message)
    if isinstance(error, ConfigurationError):
        return ProblemError(422, error.code, str(error))
    return ProblemError(500, error.code, error.message)
