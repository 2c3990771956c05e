"""The graph API: entities and relations as sinks push them, each batch once, and a way to look at them.

How far a stream is, is kept in the transaction that writes its records; a batch covers the offsets ``first`` …
``next`` - 1 of one raw partition in one epoch. What becomes of it (compare and set):

==============================================  ===================================================
what is stored for the stream                   what happens
==============================================  ===================================================
a later epoch                                   skipped
this epoch, at ``next`` or further              skipped
this epoch, between ``first`` and ``next``      records from the stored position on are applied
this epoch, before ``first``                    409, with the stored position: records are missing
an earlier epoch, or nothing                    applied if ``genesis`` says that the epoch starts
                                                here; else 409
==============================================  ===================================================

A record is known by its id: one that comes again, under whatever offset, replaces what it said before. An entity or
relation lives as long as a record speaks of it; its properties are merged key by key, the later value wins.
"""

from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response

from penstock.services import graph_queries
from penstock.services.auth import Refusal, answer_refusals, bearer
from penstock.services.database import connect, reading
from penstock.services.graph_store import METADATA, Batch, GraphStore, HoleFoundError

MAX_BYTES: Final = 32 * 1024 * 1024

Type = Annotated[str | None, Query(description="Kind of entity, such as Person.")]
Key = Annotated[str | None, Query(description="What tells it from others of its type.")]
Tenant = Annotated[str | None, Query(description="Only of this tenant.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most that are answered.")]

_DECODE: Final = msgspec.json.Decoder(Batch).decode
_ENCODE: Final = msgspec.json.Encoder().encode


def create_app(database_url: str, token: str | None) -> FastAPI:
    """The service.

    Parameters
    ----------
    database_url : str
        ``sqlite:///…`` or ``postgresql://…``.
    token : str or None
        Bearer token that callers must send; None lets everybody in.
    """
    app = FastAPI(
        title="penstock graph API",
        version="1",
        description="Entities and relations of governed records; every batch is applied once.",
    )
    answer_refusals(app)
    store = GraphStore(connect(database_url, METADATA))

    @app.get("/health", summary="Whether the service is up")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    for router in (_batches(store), _queries(store.engine)):
        app.include_router(router, prefix="/api/v1", dependencies=[Depends(bearer(token))])
    return app


async def _body(request: Request) -> bytes:
    """The body, read in the event loop, so that the route itself can be a plain function in a thread."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            raise Refusal(413, "too_large", f"a batch has at most {MAX_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _schema() -> dict[str, Any]:
    """What OpenAPI shows of the body, which msgspec and not pydantic reads."""
    (schema,), parts = msgspec.json.schema_components([Batch], ref_template="#/x/{name}")

    def inline(part: Any) -> Any:
        if isinstance(part, list):
            return [inline(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return inline(parts[part["$ref"].rpartition("/")[2]])
        return {key: inline(value) for key, value in part.items()}

    return {"requestBody": {"required": True, "content": {"application/json": {"schema": inline(schema)}}}}


def _batches(store: GraphStore) -> APIRouter:
    router = APIRouter(tags=["batches"])

    @router.post(
        "/batches",
        summary="Apply a contiguous range of one stream",
        responses={409: {"description": "hole, with the stored epoch and next"}, 422: {"description": "invalid"}},
        openapi_extra=_schema(),
    )
    def apply(body: Annotated[bytes, Depends(_body)]) -> Response:
        try:
            batch = _DECODE(body)
            batch.check()
        except (msgspec.MsgspecError, ValueError) as error:
            # msgspec names the place and the types, never what stood there
            raise Refusal(422, "invalid", str(error)) from None
        try:
            done = store.apply(batch)
        except HoleFoundError as hole:
            more: dict[str, object] = {"epoch": hole.epoch, "next": hole.next}
            raise Refusal(409, "hole", "records before this batch are missing", more=more) from None
        return Response(_ENCODE(done), media_type="application/json")

    @router.get("/positions/{stream:path}", summary="How far a stream is", responses={404: {}})
    def position(stream: str) -> dict[str, int]:
        with reading(store.engine) as connection:
            found = graph_queries.position(connection, stream)
        if found is None:
            raise Refusal(404, "unknown_stream", "nothing of this stream was written")
        return {"epoch": found[0], "next": found[1]}

    return router


def _queries(engine: sa.Engine) -> APIRouter:
    router = APIRouter(tags=["queries"])

    @router.get("/stats", summary="How many entities and relations of each type, and how many records")
    def stats(tenant: Tenant = None) -> dict[str, Any]:
        with reading(engine) as connection:
            return graph_queries.stats(connection, tenant)

    @router.get("/entities", summary="Entities, by type and key")
    def entities(type: Type = None, key: Key = None, tenant: Tenant = None, limit: Limit = 100) -> list[dict[str, Any]]:
        with reading(engine) as connection:
            return graph_queries.entities(connection, type, key, tenant, limit)

    @router.get("/entities/{type}/{key:path}/neighbors", summary="What an entity is related to, in either direction")
    def neighbors(type: str, key: str, tenant: Tenant = None, limit: Limit = 100) -> list[dict[str, Any]]:
        with reading(engine) as connection:
            return graph_queries.neighbors(connection, type, key, tenant, limit)

    @router.get("/records/{id:path}", summary="What one record speaks of", responses={404: {}})
    def record(id: str) -> dict[str, Any]:
        with reading(engine) as connection:
            found = graph_queries.record(connection, id)
        if found is None:
            raise Refusal(404, "unknown_record", "no record of this id was written, or it was deleted")
        return found

    return router
