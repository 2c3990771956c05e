"""The REST door to schemas, personal data, licenses and configurations; OpenAPI at ``/docs``.

    penstock api --port 8000            PENSTOCK_API_TOKENS_FILE or PENSTOCK_API_TOKEN says who may call

Everything below ``/etl`` needs a bearer token and answers refusals as problems (RFC 9457); ``/health`` is for whatever
runs it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from penstock.api import configurations, etl
from penstock.api.limits import Limits, LimitsMiddleware
from penstock.api.problems import answer_problems
from penstock.api.tokens import authenticated, read_tokens
from penstock.connectors.ledger_client import LedgerClient
from penstock.model.home import home
from penstock.stores.configurations import VARIABLE as DATABASE_VARIABLE
from penstock.stores.configurations import Configurations


def create_app(environ: Mapping[str, str], limits: Limits | None = None) -> FastAPI:
    """The application.

    Parameters
    ----------
    environ
        ``PENSTOCK_API_TOKENS_FILE`` or ``PENSTOCK_API_TOKEN``, ``DATABASE_URL``, ``PROV_LEDGER_URL`` …

    Raises
    ------
    ConfigurationError
        There are no tokens, or something else in the environment is not what it should be.
    UnreachableError
        The database does not answer.
    """
    ledger = LedgerClient.from_environment(environ)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await ledger.close()

    app = FastAPI(
        title="penstock",
        version="1",
        description="Schemas, personal data, licenses and configurations of governed streams.",
        lifespan=lifespan,
    )
    answer_problems(app)
    tokens = read_tokens(environ)
    check = authenticated(tokens)
    app.include_router(etl.router(environ, check))
    app.include_router(configurations.router(Configurations(database_url(environ)), ledger, check))

    @app.get("/health", summary="Whether the API is up")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    app.add_middleware(LimitsMiddleware, limits=limits or Limits(), tokens=tokens)
    return app


def database_url(environ: Mapping[str, str]) -> str:
    """Where configurations are kept: ``DATABASE_URL``, else a file in penstock's data folder."""
    return environ.get(DATABASE_VARIABLE) or f"sqlite:///{(home(environ) / 'configurations.db').absolute()}"
