"""The license registry: what may be done with data under a license, and what must be done for it.

A check answers for each license, in this order:

==========================  ===========  =====================
the license                 decision     reason
==========================  ===========  =====================
is not registered           unknown      ``unknown_license``
is revoked                  deny         ``revoked``
was valid until yesterday   deny         ``expired``
denies the operation        deny         ``denied``
allows the operation        allow        ``allowed``
says nothing of it          unknown      ``not_covered``
==========================  ===========  =====================

Ids are SPDX ids (or ``LicenseRef-…``) and compared without case, as the SPDX specification has it (annex D).
``licenses.yml`` is loaded where the database lacks an id; what was changed or deleted over HTTP stays so.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib import resources
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
import yaml
from fastapi import APIRouter, Depends, FastAPI, Header, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.model.database import connect, reading, upsert
from penstock.services.auth import Refusal, answer_refusals, bearer

Operation = Literal["ingest", "transform", "enrich", "redistribute", "commercial-use", "model-training", "export"]
Category = Literal[
    "public-domain", "permissive", "copyleft", "share-alike", "non-commercial", "no-derivatives", "proprietary"
]
MAX_CHECKED: Final = 1000

METADATA: Final = sa.MetaData()
LICENSE: Final = sa.Table(
    "licenses_license",
    METADATA,
    sa.Column("key", sa.String(256), primary_key=True),  # the id in lower case
    sa.Column("body", sa.Text),  # JSON; null: deleted, and not to be loaded again
)


class Terms(BaseModel):
    """What a license says."""

    model_config = ConfigDict(extra="forbid")

    name: str
    url: str | None = None
    category: Category
    status: Literal["active", "revoked", "deprecated"] = Field(
        "active", description="Revoked denies everything; deprecated only says that a newer one exists."
    )
    allow: list[Operation] = []
    deny: list[Operation] = []
    duties: list[str] = Field([], description="attribution, share-alike, … : what whoever uses the data must do.")
    valid_until: date | None = Field(None, description="Last day on which it can be relied on; null is for ever.")

    @model_validator(mode="after")
    def _not_both(self) -> "Terms":
        if set(self.allow) & set(self.deny):
            raise ValueError("an operation is both allowed and denied")
        return self


class License(Terms):
    """A license."""

    id: str = Field(description="SPDX id, or LicenseRef-…", pattern=r"^[A-Za-z0-9.+-]{1,256}$")


class Question(BaseModel):
    """Whether data under these licenses may be used so."""

    licenses: list[str] = Field(max_length=MAX_CHECKED)
    operation: Operation


class Finding(BaseModel):
    """The answer for one license."""

    decision: Literal["allow", "deny", "unknown"]
    reason: Literal["allowed", "denied", "revoked", "expired", "not_covered", "unknown_license"]
    duties: list[str]


class Answer(BaseModel):
    """The answers, by id as it was asked."""

    authority: str | None = Field(None, description="Who asked, as the header said.")
    results: dict[str, Finding]


SpdxId = Annotated[str, Path(description="SPDX id, in any case.")]
Authority = Annotated[str | None, Header(alias="X-Authority-ID", description="Who asks; repeated in the answer.")]


def _today() -> date:
    return datetime.now(UTC).date()


def create_app(database_url: str, token: str | None, *, today: Callable[[], date] = _today) -> FastAPI:
    """The service.

    Parameters
    ----------
    database_url : str
        ``sqlite:///…`` or ``postgresql://…``.
    token : str or None
        Bearer token that callers must send; None lets everybody in.
    today : callable, optional
        The day that ``valid_until`` is compared with; UTC's by default.
    """
    app = FastAPI(
        title="penstock license registry",
        version="1",
        description="Which operations a license allows and denies, and the duties that come with it.",
    )
    answer_refusals(app)
    engine = connect(database_url, METADATA)
    _preload(engine)

    @app.get("/health", summary="Whether the service is up")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(_licenses(engine), dependencies=[Depends(bearer(token))])
    app.include_router(_check(engine, today), dependencies=[Depends(bearer(token))])
    return app


def _licenses(engine: sa.Engine) -> APIRouter:
    router = APIRouter(prefix="/api/v1/licenses", tags=["licenses"])

    @router.get("", summary="All licenses, by id")
    def every() -> list[License]:
        with reading(engine) as connection:
            chosen = sa.select(LICENSE.c.body).where(LICENSE.c.body.is_not(None)).order_by(LICENSE.c.key)
            return [License.model_validate_json(body) for body in connection.execute(chosen).scalars()]

    @router.get("/{spdx_id}", summary="One license", responses={404: {"description": "unknown_license"}})
    def one(spdx_id: SpdxId) -> License:
        with reading(engine) as connection:
            found = _find(connection, [spdx_id])
        if not found:
            raise _unknown()
        return found[spdx_id.lower()]

    @router.put("/{spdx_id}", summary="Add or replace a license")
    def put(spdx_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9.+-]{1,256}$")], terms: Terms) -> License:
        made = License(id=spdx_id, **terms.model_dump())
        with engine.begin() as connection:
            _write(connection, made)
        return made

    @router.delete("/{spdx_id}", status_code=204, summary="Forget a license", responses={404: {}})
    def delete(spdx_id: SpdxId) -> None:
        known = (LICENSE.c.key == spdx_id.lower()) & LICENSE.c.body.is_not(None)
        with engine.begin() as connection:
            if not connection.execute(sa.update(LICENSE).where(known).values(body=None)).rowcount:
                raise _unknown()

    return router


def _check(engine: sa.Engine, today: Callable[[], date]) -> APIRouter:
    router = APIRouter(prefix="/api/v1/check", tags=["check"])

    @router.post("", summary="Whether an operation is allowed under each of these licenses")
    def check(question: Question, authority: Authority = None) -> Answer:
        with reading(engine) as connection:
            found = _find(connection, question.licenses)
        day = today()
        results = {id: _judge(found.get(id.lower()), question.operation, day) for id in question.licenses}
        return Answer(authority=authority, results=results)

    return router


def _judge(license: License | None, operation: Operation, day: date) -> Finding:
    if license is None:
        return Finding(decision="unknown", reason="unknown_license", duties=[])
    if license.status == "revoked":
        return Finding(decision="deny", reason="revoked", duties=license.duties)
    if license.valid_until is not None and license.valid_until < day:
        return Finding(decision="deny", reason="expired", duties=license.duties)
    if operation in license.deny:
        return Finding(decision="deny", reason="denied", duties=license.duties)
    if operation in license.allow:
        return Finding(decision="allow", reason="allowed", duties=license.duties)
    return Finding(decision="unknown", reason="not_covered", duties=license.duties)


def _unknown() -> Refusal:
    return Refusal(404, "unknown_license", "no license of that id is registered")


def _find(connection: sa.Connection, ids: list[str]) -> dict[str, License]:
    """Registered licenses among `ids`, by lower-case id."""
    keys = {id.lower() for id in ids}
    chosen = sa.select(LICENSE).where(LICENSE.c.key.in_(keys), LICENSE.c.body.is_not(None))
    return {row.key: License.model_validate_json(row.body) for row in connection.execute(chosen)}


def _write(connection: sa.Connection, license: License) -> None:
    put = upsert(connection, LICENSE).values(key=license.id.lower(), body=license.model_dump_json())
    connection.execute(put.on_conflict_do_update(index_elements=["key"], set_={"body": put.excluded.body}))


def _preload(engine: sa.Engine) -> None:
    known = _bundled()
    rows = [{"key": license.id.lower(), "body": license.model_dump_json()} for license in known]
    with engine.begin() as connection:
        connection.execute(upsert(connection, LICENSE).on_conflict_do_nothing(), rows)


def _bundled() -> list[License]:
    content: dict[str, Any] = yaml.safe_load(resources.files(__package__).joinpath("licenses.yml").read_bytes())
    return [License.model_validate(license) for license in content["licenses"]]
