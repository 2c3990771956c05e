"""``/etl/preview-schema``, ``/etl/pii-scan`` and ``/etl/license-check``: what the stream does, asked for a sample.

The code is the stream's: the catalogue of `tag`, recognizers and policies of `redact`, rules and registry of `license`.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from penstock.agents.license._check import CheckRequest, license_check
from penstock.agents.redact import _report
from penstock.agents.tag.inference.preview import preview
from penstock.api.bodies import Body
from penstock.api.problems import RESPONSES
from penstock.api.tokens import Caller
from penstock.model.component import Resources

MOST_ROWS = 10_000


class Sample(Body):
    """Rows to look at."""

    sample_rows: list[dict[str, Any]] = Field(max_length=MOST_ROWS)
    tenant_id: str = Field(min_length=1, max_length=128)


class Constraints(BaseModel):
    """What the values of a field keep to."""

    min: Any = None
    max: Any = None
    pattern: str | None = None
    enum: list[Any] | None = None


class LicenseQuestion(CheckRequest, Body):
    """What shall be done with the data of a source."""


class FieldFound(BaseModel):
    """A field, as the rows have it."""

    name: str
    inferred_type: str
    nullable: bool
    sample_values: list[Any] = Field(description="What is personal in them is masked.")
    confidence: float
    format: str | None = None
    null_count: int
    constraints: Constraints


class SuggestedMapping(BaseModel):
    """What a field is among the canonical entities."""

    source_field: str
    canonical_entity: str
    canonical_property: str
    confidence: float
    reasoning: str


class SchemaPreview(BaseModel):
    """What sample rows are made of."""

    fields: list[FieldFound]
    suggested_mappings: list[SuggestedMapping]
    primary_entity: str | None
    record_count: int
    primary_key: list[str] | None
    null_counts: dict[str, int]


class PiiMatch(BaseModel):
    """Something personal in a field."""

    category: str
    severity: str
    field_name: str
    sample_value: str = Field(description="Masked.")
    match_count: int
    confidence: float
    recommended_strategy: str
    reasoning: str


class DpiaReason(BaseModel):
    """Why an impact assessment is needed (GDPR, article 35)."""

    rule: str
    reason: str


class PiiReport(BaseModel):
    """What is personal in a sample."""

    pii_matches: list[PiiMatch]
    overall_risk: str
    summary: str
    requires_dpia: bool
    dpia_reasons: list[DpiaReason] = []


class Remark(BaseModel):
    """A term that a license does not meet, or something to know."""

    code: str
    message: str
    term: str | None = None
    severity: str | None = None


class Appeal(BaseModel):
    """Where to object, and until when the last answer holds."""

    url: str
    expires_at: str | None


class LicenseAnswer(BaseModel):
    """Whether data may be used so."""

    compliant: bool
    decision: str
    license: dict[str, Any]
    violations: list[Remark]
    warnings: list[Remark]
    appeal: Appeal | None
    checked_at: str


def router(environ: Mapping[str, str], check: Any) -> APIRouter:
    """The routes.

    Parameters
    ----------
    check
        The dependency that gives the `Caller`.
    """
    routes = APIRouter(prefix="/etl", tags=["governance"], responses=RESPONSES)
    Calling = Annotated[Caller, Depends(check)]  # noqa: N806 # a type

    @routes.post("/preview-schema", summary="What sample rows are made of, and what they stand for")
    def preview_schema(sample: Sample, caller: Calling) -> SchemaPreview:
        caller.of(sample.tenant_id)
        return SchemaPreview.model_validate(preview(sample.sample_rows).answer())

    @routes.post("/pii-scan", summary="What is personal in sample rows, and what to do about it")
    def pii_scan(sample: Sample, caller: Calling) -> PiiReport:
        caller.of(sample.tenant_id)
        return PiiReport.model_validate(_report.scan(sample.sample_rows))

    @routes.post("/license-check", summary="Whether the data of a source may be used so")
    async def check_license(request: LicenseQuestion, caller: Calling) -> LicenseAnswer:
        resources = Resources("api", caller.of(request.tenant_id), environ)
        return LicenseAnswer.model_validate(await license_check(request, resources))

    return routes
