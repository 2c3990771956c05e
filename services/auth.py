"""Who may call a reference service, and how it refuses: one bearer token, one shape of error.

A service does, once:

    app = FastAPI(…)
    answer_refusals(app)                                              # {"code": …, "message": …} for every Refusal
    guarded = APIRouter(dependencies=[Depends(bearer(token))])        # all but /health
"""

import hmac
import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import DBAPIError

logger = logging.getLogger(__name__)


class Refusal(HTTPException):
    """An answer other than success.

    Parameters
    ----------
    status : int
    code : str
        Stable identifier of the reason.
    message : str
        For people; never a value from a record.
    more : mapping, optional
        Further keys of the body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        more: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, {"code": code, "message": message, **(more or {})}, headers)


def answer_refusals(app: FastAPI) -> None:
    """Make the body of every refusal the plain object ``{"code": …, "message": …}``.

    Covers `Refusal`, a request that is not what the route takes (422 ``invalid``, without the values that FastAPI
    would quote) and a database that fails (503 ``database``, so that the caller tries again).
    """

    async def refuse(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refusal)
        return JSONResponse(error.detail, error.status_code, error.headers)

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        where = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors())
        return JSONResponse({"code": "invalid", "message": where}, 422)

    async def database(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, DBAPIError)
        cause = type(error.orig).__name__
        logger.error("the database failed: %s", cause)
        return JSONResponse({"code": "database", "message": f"the database failed: {cause}"}, 503)

    app.add_exception_handler(Refusal, refuse)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(DBAPIError, database)


def bearer(token: str | None) -> Callable[..., None]:
    """A FastAPI dependency that lets pass who knows the token.

    Parameters
    ----------
    token : str or None
        None: everybody passes.

    Raises
    ------
    Refusal
        By the dependency: 401 with ``WWW-Authenticate: Bearer`` (RFC 6750, section 3).
    """
    if token is None:

        def open_to_all() -> None:
            return None

        return open_to_all

    if not token:
        raise ValueError("an empty token would let nobody pass; None lets everybody pass")
    expected = token.encode()
    scheme = HTTPBearer(scheme_name="bearer", description="The token of the services.", auto_error=False)

    def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(scheme)]) -> None:
        # Constant time: how long the comparison takes must not tell how much of the token was right.
        if credentials is None or not hmac.compare_digest(credentials.credentials.encode(), expected):
            raise Refusal(
                401,
                "unauthorized",
                "this needs the header Authorization: Bearer with the token of the services",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check
