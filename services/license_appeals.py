"""Appeals of the license registry: somebody asks for a use that a license does not allow, a person decides.

::

    open ──▶ granted ──▶ expired (where the grant has an end)
      │  └─▶ refused
      ├────▶ expired (nobody decided within 30 days)
      └────▶ withdrawn, as a grant may be

A grant holds for one license, operation and tenant, and for one region and purpose where the appeal names them. While
it holds the license is allowed there.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from penstock.model.license import Operation, Purpose, Region
from penstock.services.auth import Refusal
from penstock.services.database import reading
from penstock.services.license_parts import Actor, LicenseId, Limit, Text
from penstock.services.license_store import APPEALS, Row, note, stamp

OPEN_DAYS: Final = 30
State = Literal["open", "granted", "refused", "withdrawn", "expired"]


class Request(BaseModel):
    """An appeal as it is filed."""

    model_config = ConfigDict(extra="forbid")

    license_id: LicenseId = Field(description="A single license, as it was checked.")
    operation: Operation
    tenant_id: Text = Field(min_length=1, max_length=256, description="Whose data it is.")
    region: Region | None = None
    purpose: Purpose | None = None
    source_name: Text | None = Field(None, max_length=256, description="For people.")
    reason: Text = Field(min_length=1, max_length=4000, description="Why the use shall be allowed.")


class Decision(BaseModel):
    """What a person decided."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["granted", "refused"]
    note: Text = Field("", max_length=4000)
    expires_at: AwareDatetime | None = Field(None, description="When a grant ends; never if absent.")


class Appeal(BaseModel):
    """An appeal as it stands."""

    id: str
    url: str
    license_id: str
    operation: str
    tenant_id: str
    region: str | None
    purpose: str | None
    source_name: str | None
    reason: str
    status: State
    filed_at: str
    filed_by: str
    expires_at: str | None
    decided_at: str | None
    decided_by: str | None
    note: str


AppealId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Clock = Callable[[], datetime]


def url(id: str = "") -> str:
    """Where an appeal is, or where one is filed."""
    return f"/api/v1/appeals/{id}".rstrip("/")


def appeals(engine: sa.Engine, now: Clock) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/appeals", tags=["appeals"])
    missing: dict[int | str, dict[str, Any]] = {404: {"description": "unknown_appeal"}}
    closed: dict[int | str, dict[str, Any]] = {**missing, 409: {"description": "closed"}}

    @router.post("", status_code=201, summary="File an appeal")
    def file(request: Request, actor: Actor = "") -> Appeal:
        at = now()
        row = {
            **request.model_dump(), "id": uuid.uuid4().hex, "key": request.license_id.lower(), "state": "open",
            "filed_at": stamp(at), "filed_by": actor, "expires_at": stamp(at + timedelta(days=OPEN_DAYS)), "note": "",
        }  # fmt: skip
        with engine.begin() as connection:
            connection.execute(sa.insert(APPEALS), row)
            told = {"license_id": request.license_id, "operation": request.operation, "tenant_id": request.tenant_id}
            note(connection, at, actor, "appeal_filed", row["id"], **told)
            return _appeal(_find(connection, row["id"]), at)

    @router.get("", summary="Appeals, newest first")
    def every(status: State | None = None, tenant_id: Text | None = None, limit: Limit = 100) -> list[Appeal]:
        at = now()
        chosen = sa.select(APPEALS).where(_is(status, stamp(at))).order_by(APPEALS.c.filed_at.desc(), APPEALS.c.id)
        if tenant_id is not None:
            chosen = chosen.where(APPEALS.c.tenant_id == tenant_id)
        with reading(engine) as connection:
            return [_appeal(row, at) for row in connection.execute(chosen.limit(limit))]

    @router.get("/{appeal_id}", summary="One appeal", responses=missing)
    def one(appeal_id: AppealId) -> Appeal:
        with reading(engine) as connection:
            return _appeal(_find(connection, appeal_id), now())

    @router.post("/{appeal_id}/decision", summary="Decide an open appeal", responses=closed)
    def decide(appeal_id: AppealId, decision: Decision, actor: Actor = "") -> Appeal:
        at = now()
        ends = stamp(decision.expires_at) if decision.expires_at and decision.decision == "granted" else None
        with engine.begin() as connection:
            _open(_find(connection, appeal_id, lock=True), at, "open")
            decided = {"decided_at": stamp(at), "decided_by": actor, "note": decision.note, "expires_at": ends}
            _set(connection, appeal_id, state=decision.decision, **decided)
            note(connection, at, actor, f"appeal_{decision.decision}", appeal_id, expires_at=ends)
            return _appeal(_find(connection, appeal_id), at)

    @router.post("/{appeal_id}/withdrawal", summary="End an open appeal, or a grant, now", responses=closed)
    def withdraw(appeal_id: AppealId, actor: Actor = "") -> Appeal:
        at = now()
        with engine.begin() as connection:
            _open(_find(connection, appeal_id, lock=True), at, "open", "granted")
            _set(connection, appeal_id, state="withdrawn")
            note(connection, at, actor, "appeal_withdrawn", appeal_id)
            return _appeal(_find(connection, appeal_id), at)

    return router


def _find(connection: sa.Connection, id: str, *, lock: bool = False) -> Row:
    chosen = sa.select(APPEALS).where(APPEALS.c.id == id)
    row = connection.execute(chosen.with_for_update() if lock else chosen).one_or_none()
    if row is None:
        raise Refusal(404, "unknown_appeal", "there is no appeal of that id")
    return row


def _open(row: Row, at: datetime, *states: State) -> None:
    if (status := _status(row, at)) not in states:
        raise Refusal(409, "closed", f"the appeal is {status}", more={"status": status})


def _set(connection: sa.Connection, id: str, **columns: object) -> None:
    connection.execute(sa.update(APPEALS).where(APPEALS.c.id == id).values(**columns))


def _status(row: Row, at: datetime) -> State:
    ends = row.state in ("open", "granted") and row.expires_at is not None
    state: State = "expired" if ends and row.expires_at <= stamp(at) else row.state
    return state


def _is(status: State | None, at: str) -> sa.ColumnElement[bool]:
    if status is None:
        return sa.true()
    can_end = APPEALS.c.state.in_(("open", "granted"))
    over = can_end & (APPEALS.c.expires_at <= at)
    if status == "expired":
        return over
    return (APPEALS.c.state == status) & (
        sa.not_(can_end) | APPEALS.c.expires_at.is_(None) | (APPEALS.c.expires_at > at)
    )


def _appeal(row: Row, at: datetime) -> Appeal:
    stored = {name: value for name, value in row._mapping.items() if name in Appeal.model_fields}
    return Appeal(**stored, url=url(row.id), status=_status(row, at))
