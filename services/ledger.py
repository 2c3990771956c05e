"""ledger: the reference provenance ledger, real over HTTP on SQLite or PostgreSQL.

It takes signed batches of entries (`penstock.model.ledger`) and gives back entries, heads and proofs. A batch is
taken only where the chain ends (compare-and-set in one transaction), so two writers cannot fork a chain, and a batch
that is sent again is answered as if it were new.
"""

from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response

from penstock.model.ledger import Batch, batch_fault
from penstock.services.auth import Refusal, answer_refusals, bearer
from penstock.services.database import connect, reading
from penstock.services.ledger_store import (
    BATCHES,
    CHAINS,
    ENTRIES,
    ENTRY_COLUMNS,
    HEAD_COLUMNS,
    KEYS,
    ChainHead,
    Chains,
    Entries,
    Heads,
    Key,
    Keys,
    Proof,
    RecordEntries,
    RecordEntry,
    append,
    chain_head,
    entry_of,
    find_chain,
    metadata,
    prove,
    select_entries,
    signed_head,
    stored_entry,
)

PAGE = 1000
MAX_PAGE = 10_000

Chain = Annotated[str, Path(description="Name of the chain: pipeline/raw topic/partition.")]
FromSeq = Annotated[int, Query(ge=0, lt=2**63, description="First entry of the page.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="At most so many.")]


def create_app(database_url: str, token: str | None) -> FastAPI:
    """The ledger as an application.

    Parameters
    ----------
    database_url : str
    token : str or None
        What callers must know; None lets everybody in.

    Raises
    ------
    ConfigurationError, UnreachableError
        As `penstock.services.database.connect` does.
    """
    engine = connect(database_url, metadata)
    app = FastAPI(title="Penstock provenance ledger", version="1", summary="What became of every record, provably.")
    answer_refusals(app)

    @app.get("/health", tags=["service"], summary="Whether the ledger and its database answer")
    def health() -> dict[str, str]:
        with reading(engine) as connection:
            connection.execute(sa.select(1))
        return {"status": "ok"}

    app.include_router(_routes(engine, token))
    _describe(app)
    return app


def _routes(engine: sa.Engine, token: str | None) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["ledger"], dependencies=[Depends(bearer(token))])

    @routes.post("/batches", status_code=201, summary="Append a signed batch", **_takes(Batch, ChainHead))
    def append_batch(body: Annotated[bytes, Depends(_body)]) -> Response:
        """201: appended. 200: this very batch was there. 409: the chain stands elsewhere, the answer says where.
        422: entries, hashes, root and signature do not belong together."""
        batch = _decode(body)
        with engine.begin() as connection:
            status, head = append(connection, batch)
        return _answer(head, status)

    @routes.get("/chains", summary="All chains", **_gives(Chains))
    def chains() -> Response:
        with reading(engine) as connection:
            rows = connection.execute(sa.select(CHAINS).order_by(CHAINS.c.chain)).all()
        return _answer(Chains(chains=[chain_head(row) for row in rows]))

    @routes.get("/heads/{chain:path}", summary="Where a chain stands", **_gives(ChainHead))
    def head(chain: Chain) -> Response:
        with reading(engine) as connection:
            return _answer(chain_head(find_chain(connection, chain)))

    @routes.get("/entries/{chain:path}", summary="Entries of a chain", **_gives(Entries))
    def entries(chain: Chain, from_seq: FromSeq = 0, limit: Limit = PAGE) -> Response:
        with reading(engine) as connection:
            chain_id = find_chain(connection, chain).id
            rows = select_entries(connection, chain_id, from_seq, limit + 1)
        more = rows[limit].seq if len(rows) > limit else None
        return _answer(Entries(chain=chain, entries=[stored_entry(row) for row in rows[:limit]], next_seq=more))

    @routes.get("/batches/{chain:path}", summary="Signed heads of a chain", **_gives(Heads))
    def batches(chain: Chain, from_seq: FromSeq = 0, limit: Limit = PAGE) -> Response:
        """The heads of all batches that end behind the entry `from_seq`."""
        query = sa.select(*HEAD_COLUMNS).order_by(BATCHES.c.first_seq).limit(limit + 1)
        with reading(engine) as connection:
            chain_id = find_chain(connection, chain).id
            rows = connection.execute(query.where(BATCHES.c.chain_id == chain_id, BATCHES.c.next_seq > from_seq)).all()
        more = rows[limit].first_seq if len(rows) > limit else None
        return _answer(Heads(chain=chain, batches=[signed_head(chain, row) for row in rows[:limit]], next_seq=more))

    @routes.get("/records", summary="All entries of one record", **_gives(RecordEntries))
    def records(record_id: Annotated[str, Query(description="First id of the record.")]) -> Response:
        query = sa.select(*ENTRY_COLUMNS, CHAINS.c.chain).join(CHAINS).where(ENTRIES.c.record_id == record_id)
        with reading(engine) as connection:
            rows = connection.execute(query.order_by(CHAINS.c.chain, ENTRIES.c.seq)).all()
        found = [RecordEntry(chain=row.chain, entry=entry_of(row), hash=str(row.hash)) for row in rows]
        return _answer(RecordEntries(record_id=record_id, entries=found))

    @routes.get("/keys", summary="Public keys that batches were signed with", **_gives(Keys))
    def keys() -> Response:
        with reading(engine) as connection:
            rows = connection.execute(sa.select(KEYS).order_by(KEYS.c.key_id)).all()
        return _answer(Keys(keys=[Key(key_id=row.key_id, public_key=row.public_key) for row in rows]))

    @routes.get("/proofs/{chain:path}", summary="Inclusion proof of an entry", **_gives(Proof))
    def proof(chain: Chain, seq: Annotated[int, Query(ge=0, lt=2**63, description="The entry.")]) -> Response:
        with reading(engine) as connection:
            return _answer(prove(connection, chain, seq))

    return routes


async def _body(request: Request) -> bytes:
    return await request.body()


def _decode(body: bytes) -> Batch:
    try:
        batch = msgspec.json.decode(body, type=Batch)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # The text names the place in the batch and the types, never a value.
        raise Refusal(422, "invalid", f"the body is no batch: {error}") from None
    if fault := batch_fault(batch):
        raise Refusal(422, "rejected", fault)
    return batch


def _answer(value: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _gives(answer: type) -> dict[str, Any]:
    """What OpenAPI is told about a route that answers with `answer`."""
    return {"response_class": Response, "responses": {200: _content(answer)}}


def _takes(body: type, answer: type) -> dict[str, Any]:
    told = _gives(answer)
    told["responses"] |= {201: _content(answer), 409: _content(answer), 422: {"description": "Refused for good"}}
    told["openapi_extra"] = {"requestBody": {"required": True, **_content(body)}}
    return told


def _content(struct: type) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{struct.__name__}"}
    return {
        "description": (struct.__doc__ or "").partition("\n")[0],
        "content": {"application/json": {"schema": schema}},
    }


def _describe(app: FastAPI) -> None:
    """Add the schemas of the structs to what FastAPI finds out by itself."""
    described = (Batch, ChainHead, Chains, Entries, Heads, RecordEntries, Keys, Proof)
    _, components = msgspec.json.schema_components(described, ref_template="#/components/schemas/{name}")
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document.setdefault("components", {}).setdefault("schemas", {}).update(components)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
