"""The license registry: what may be done with data under a license, and what must be done for it.

A check answers for each license by `penstock.model.license.judge`: ``unknown`` where the license is not registered or
says nothing of the use, ``deny`` where anything stands against it, else ``allow``. An appeal that was granted allows
what the license does not; where none was, the answer says where to file one.

Every change of a license is a further version of it, none is ever lost. Who changed or decided what stands in the
audit. Ids are SPDX ids (or ``LicenseRef-…``) and compared without case, as the SPDX specification has it (annex D).
``licenses.yml`` is loaded where the database lacks an id; what was changed or deleted over HTTP stays so.

With a signing key (``LICENSE_REGISTRY_SIGNING_KEY_FILE``, made if it is not there) every answer to a check is signed
(`penstock.model.signature`).
"""

import base64
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from pydantic import BaseModel

from penstock.model.ledger import key_id, load_or_create_key
from penstock.model.license import Answer
from penstock.model.signature import ALGORITHM
from penstock.services.auth import Refusal, answer_refusals, bearer
from penstock.services.database import connect, reading
from penstock.services.license_appeals import Clock, appeals
from penstock.services.license_checks import checks
from penstock.services.license_parts import (
    Actor,
    Condition,
    License,
    Limit,
    Registered,
    SpdxId,
    Terms,
    conditional,
    registered,
)
from penstock.services.license_store import (
    AUDIT,
    METADATA,
    Row,
    add_version,
    history,
    lock,
    newest,
    note,
    preload,
)

KEY_VARIABLE: Final = "LICENSE_REGISTRY_SIGNING_KEY_FILE"


class Version(BaseModel):
    """One version of a license; `license` is null where it was deleted."""

    version: int
    changed_at: str
    changed_by: str
    license: License | None


class Event(BaseModel):
    """An entry of the audit."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


class PublicKey(BaseModel):
    """What answers are signed with: 32 bytes in base64."""

    algorithm: str
    key_id: str
    public_key: str


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    database_url: str, token: str | None, *, now: Clock = _now, key: Ed25519PrivateKey | None = None
) -> FastAPI:
    """The service.

    Parameters
    ----------
    database_url : str
        ``sqlite:///…`` or ``postgresql://…``.
    token : str or None
        Bearer token that callers must send; None lets everybody in.
    now : callable, optional
        The time, with its zone.
    key : Ed25519PrivateKey, optional
        Signs answers; the one in the file that the environment names where absent, if it names one.

    Raises
    ------
    ConfigurationError, UnreachableError
        As `penstock.services.database.connect` and `penstock.model.ledger.load_or_create_key` do.
    """
    app = FastAPI(
        title="penstock license registry",
        version="1",
        description="Which uses a license allows and denies, the duties that come with it, and appeals.",
    )
    answer_refusals(app)
    if key is None and (path := os.environ.get(KEY_VARIABLE)):
        key = load_or_create_key(Path(path))
    engine = connect(database_url, METADATA)
    preload(engine, {each.id.lower(): each.model_dump_json() for each in _bundled()}, now())

    @app.get("/health", summary="Whether the service is up")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    guard = [Depends(bearer(token))]
    for router in (_licenses(engine, now), checks(engine, now, key), appeals(engine, now), _rest(engine, key)):
        app.include_router(router, dependencies=guard)
    _describe(app)
    return app


# Licenses and their versions


def _licenses(engine: sa.Engine, now: Clock) -> APIRouter:
    router = APIRouter(prefix="/api/v1/licenses", tags=["licenses"])
    missing: dict[int | str, dict[str, Any]] = {404: {"description": "unknown_license"}}
    unchanged: dict[int | str, dict[str, Any]] = {304: {"description": "unchanged"}}
    stale: dict[int | str, dict[str, Any]] = {412: {"description": "changed"}}

    @router.get("", summary="All licenses, by id")
    def every() -> list[Registered]:
        with reading(engine) as connection:
            return [registered(row) for row in newest(connection)]

    @router.get("/{spdx_id}", summary="One license", responses={**missing, **unchanged}, response_model=Registered)
    def one(spdx_id: SpdxId, if_none_match: Condition = None) -> Response:
        with reading(engine) as connection:
            found = newest(connection, [spdx_id.lower()])
        if not found:
            raise _unknown()
        body = registered(found[0])
        return conditional(body.model_dump_json().encode(), str(body.version), if_none_match)

    @router.get("/{spdx_id}/versions", summary="What it was, the first version first", responses=missing)
    def versions(spdx_id: SpdxId) -> list[Version]:
        with reading(engine) as connection:
            rows = history(connection, spdx_id.lower())
        if not rows:
            raise _unknown()
        return [_version(row) for row in rows]

    @router.put("/{spdx_id}", summary="Add a license, or a version of one", responses=stale)
    def put(
        spdx_id: SpdxId,
        terms: Terms,
        actor: Actor = "",
        if_match: Annotated[str | None, Header(description="The ETag of the version to go on from.")] = None,
    ) -> Registered:
        made = License(id=spdx_id, **terms.model_dump())
        key, at = spdx_id.lower(), now()
        with engine.begin() as connection:
            version = lock(connection, key)
            if if_match is not None and if_match != f'"{version}"':
                raise Refusal(412, "changed", "the license has another version by now", more={"version": version})
            add_version(connection, key, version + 1, made.model_dump_json(), at, actor)
            note(connection, at, actor, "license_put", made.id, version=version + 1)
        return Registered(**made.model_dump(), version=version + 1)

    @router.delete("/{spdx_id}", status_code=204, summary="Forget a license", responses=missing)
    def delete(spdx_id: SpdxId, actor: Actor = "") -> None:
        key, at = spdx_id.lower(), now()
        with engine.begin() as connection:
            version = lock(connection, key)
            if not newest(connection, [key]):
                raise _unknown()
            add_version(connection, key, version + 1, None, at, actor)
            note(connection, at, actor, "license_deleted", key, version=version + 1)

    return router


def _version(row: Row) -> Version:
    body = None if row.body is None else License.model_validate_json(row.body)
    return Version(version=row.version, changed_at=row.changed_at, changed_by=row.changed_by, license=body)


def _unknown() -> Refusal:
    return Refusal(404, "unknown_license", "no license of that id is registered")


# Audit and key


def _rest(engine: sa.Engine, key: Ed25519PrivateKey | None) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["audit"])

    @router.get("/audit", summary="Who changed or decided what, in order")
    def audit(after: Annotated[int, Query(ge=0, lt=2**31)] = 0, limit: Limit = 100) -> list[Event]:
        chosen = sa.select(AUDIT).where(AUDIT.c.seq > after).order_by(AUDIT.c.seq).limit(limit)
        with reading(engine) as connection:
            rows = connection.execute(chosen).all()
        return [Event(**{**row._mapping, "details": msgspec.json.decode(row.details)}) for row in rows]

    @router.get("/key", summary="What answers are signed with", responses={404: {"description": "unsigned"}})
    def public_key() -> PublicKey:
        if key is None:
            raise Refusal(404, "unsigned", "this registry signs nothing")
        public = key.public_key()
        encoded = base64.b64encode(public.public_bytes_raw()).decode()
        return PublicKey(algorithm=ALGORITHM, key_id=key_id(public), public_key=encoded)

    return router


def _describe(app: FastAPI) -> None:
    """Add the schemas of what is no pydantic model to what FastAPI finds out by itself."""
    _, components = msgspec.json.schema_components([Answer], ref_template="#/components/schemas/{name}")
    generate: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update({name: schema for name, schema in components.items() if name not in schemas})
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _bundled() -> list[License]:
    content: Mapping[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("licenses.yml").read_bytes())
    return [License.model_validate(license) for license in content["licenses"]]
