"""Checks of the license registry: whether data under these licenses may be used so.

    POST /api/v1/check         {"licenses": [...], "operation": ..., "tenant_id": ...}     many at once
    GET  /api/v1/check/<id>    ?operation=...&tenant_id=...     If-None-Match: "<etag>"    one, again and again

An answer says for how long it may be kept: to the end of the day (UTC) or of a grant at most, when terms may end.
"""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from penstock.model.license import (
    Answer,
    Appeal,
    Finding,
    Operation,
    Purpose,
    Region,
    Use,
    Violation,
    Warning,
    judge,
    normal_regions,
)
from penstock.model.signature import sign
from penstock.services.database import reading
from penstock.services.license_appeals import OPEN_DAYS, Clock, url
from penstock.services.license_parts import Actor, Condition, Registered, SpdxId, Text, conditional, registered
from penstock.services.license_store import Row, granted, newest, stamp

MAX_CHECKED: Final = 1000
MAX_AGE: Final = 300
"""Seconds for which an answer may be kept."""


class Question(BaseModel):
    """Whether data under these licenses may be used so."""

    model_config = ConfigDict(extra="forbid")

    licenses: list[Text] = Field(max_length=MAX_CHECKED)
    operation: Operation
    region: Region | None = None
    purpose: Purpose | None = None
    tenant_id: Text = Field("", max_length=256, description="Whose data it is: grants of appeals hold for one tenant.")


def checks(engine: sa.Engine, now: Clock, key: Ed25519PrivateKey | None) -> APIRouter:
    """The routes; `key` signs answers."""
    router = APIRouter(prefix="/api/v1/check", tags=["check"])
    described: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}}
    }

    def judged(question: Question, actor: str) -> tuple[Answer, int]:
        at = now()
        with reading(engine) as connection:
            results, seconds = _findings(connection, question, at)
        use = question.model_dump(exclude={"licenses"})
        return Answer(authority=actor or None, **use, checked_at=stamp(at), results=results), seconds

    @router.post("", summary="Whether a use is allowed under each of these licenses", responses=described)
    def check(question: Question, actor: Actor = "") -> Response:
        answer, seconds = judged(question, actor)
        return _answer(answer, seconds, key)

    @router.get(
        "/{spdx_id}",
        summary="The same for one license, again and again",
        responses={**described, 304: {"description": "unchanged"}},
    )
    def again(
        spdx_id: SpdxId,
        operation: Annotated[Operation, Query()],
        region: Annotated[Region | None, Query()] = None,
        purpose: Annotated[Purpose | None, Query()] = None,
        tenant_id: Annotated[Text, Query(max_length=256)] = "",
        actor: Actor = "",
        if_none_match: Condition = None,
    ) -> Response:
        use = {"operation": operation, "region": region, "purpose": purpose, "tenant_id": tenant_id}
        answer, seconds = judged(Question(licenses=[spdx_id], **use), actor)
        made = _answer(answer, seconds, key)
        return conditional(made.body, answer.results[spdx_id].etag, if_none_match, made.headers["Cache-Control"])

    return router


def _findings(connection: sa.Connection, question: Question, at: datetime) -> tuple[dict[str, Finding], int]:
    """A finding for each license, and for how many seconds all of them hold."""
    keys = {id.lower() for id in question.licenses}
    known = {row.key: registered(row) for row in newest(connection, keys)}
    use = Use(question.operation, question.region or "", question.purpose or "")
    open_ = [
        row
        for row in granted(connection, keys, question.tenant_id, question.operation, at)
        if row.region in (None, question.region) and row.purpose in (None, question.purpose)
    ]
    midnight = datetime(at.year, at.month, at.day, tzinfo=UTC) + timedelta(days=1)
    ends = [midnight, *(datetime.fromisoformat(row.expires_at) for row in open_ if row.expires_at)]
    results = {}
    for id in question.licenses:
        finding = _judged(known.get(id.lower()), use, at)
        if finding.decision != "allow":
            finding = _appealed(finding, use, [row for row in open_ if row.key == id.lower()], at)
        results[id] = msgspec.structs.replace(finding, etag=_etag(finding))
    return results, max(0, min(MAX_AGE, *(int((end - at).total_seconds()) for end in ends)))


def _judged(license: Registered | None, use: Use, at: datetime) -> Finding:
    if license is None:
        violation = Violation("unknown_license", "license", "no license of that id is registered", "review")
        return Finding("unknown", "unknown_license", violations=(violation,))
    found = judge(license, use, at.astimezone(UTC).date(), status=license.status)
    return msgspec.structs.replace(found, version=license.version)


def _appealed(finding: Finding, use: Use, rows: list[Row], at: datetime) -> Finding:
    """The finding where an appeal was granted, or is open, or may be filed."""
    for row in rows:
        if row.state == "granted":
            return _allowed(finding, use, row)
    if rows:
        return msgspec.structs.replace(finding, appeal=Appeal(url(rows[0].id), rows[0].expires_at))
    return msgspec.structs.replace(finding, appeal=Appeal(url(), stamp(at + timedelta(days=OPEN_DAYS))))


def _allowed(finding: Finding, use: Use, grant: Row) -> Finding:
    """The finding where a person allowed this use: what else limits the license still does."""
    until = f" until {grant.expires_at}" if grant.expires_at else ""
    warning = Warning("appeal_granted", f"allowed by the appeal {grant.id}{until}")
    ends = [grant.expires_at[:10]] if grant.expires_at else []
    if finding.valid_until and not any(violation.code == "expired" for violation in finding.violations):
        ends.append(finding.valid_until)
    return msgspec.structs.replace(
        finding,
        decision="allow",
        reason="appeal_granted",
        violations=(),
        warnings=(*finding.warnings, warning),
        regions=normal_regions({*finding.regions, use.region} - {""}) if finding.regions else (),
        purposes=tuple(sorted({*finding.purposes, use.purpose} - {""})) if finding.purposes else (),
        valid_until=min(ends, default=None),
    )


def _etag(finding: Finding) -> str:
    """Names a finding; when an appeal could be open until does not change what is found."""
    appeal = finding.appeal.url if finding.appeal else None
    return sha256(msgspec.json.encode([msgspec.structs.replace(finding, appeal=None), appeal])).hexdigest()[:32]


def _answer(answer: Answer, seconds: int, key: Ed25519PrivateKey | None) -> Response:
    body = msgspec.to_builtins(answer)
    signed = sign(body, key) if key is not None else body
    return Response(msgspec.json.encode(signed), media_type="application/json", headers=_kept(seconds))


def _kept(seconds: int) -> dict[str, str]:
    return {"Cache-Control": f"private, max-age={seconds}"}
