"""license-check: one question of a person or a program, answered as the stream would.

::

    {"source_name": "tickets", "source_type": "csv", "license_id": "CC-BY-NC-4.0", "operation": "commercial-use",
     "tenant_id": "acme"}

    {"compliant": false, "decision": "deny", "license": {"id": "CC-BY-NC-4.0", "decision": "deny", "duties": […]},
     "violations": [{"code": "denied", "term": "deny: commercial-use", "message": "…", "severity": "error"}],
     "warnings": [], "appeal": {"url": "…/api/v1/appeals", "expires_at": "…"}, "checked_at": "…"}

The file's lists and terms and the registry decide in the order of the stage `license`, and by the same code.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from penstock.agents.license._decision import Decision, Outcome, Rules, decide, note
from penstock.agents.license._expression import LONGEST, Expression, ids, parse
from penstock.agents.license._registry import UNKNOWN
from penstock.agents.license.license import Config, asked_registry, rules
from penstock.model.component import Resources
from penstock.model.errors import ServiceUnreachableError
from penstock.model.license import Finding, Operation, Purpose, Region

DEFAULT_CONFIG: Final = Config.model_validate({})


class CheckRequest(BaseModel):
    """What shall be done with the data of a source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_name: str = Field(max_length=256, description="Its name, for people; no part of the decision.")
    source_type: str = Field(max_length=64, description="Such as csv; no part of the decision.")
    license_id: str = Field(max_length=LONGEST, description="SPDX id or expression; empty where nobody named one.")
    operation: Operation = Field("ingest", description="What shall be done with the data.")
    tenant_id: str = Field(min_length=1, max_length=256, description="Whose data it is.")
    region: Region | None = Field(None, description="Where; the pipeline's region if absent.")
    purpose: Purpose | None = Field(None, description="What for; the pipeline's purpose if absent.")


async def license_check(request: CheckRequest, resources: Resources, config: Config = DEFAULT_CONFIG) -> dict[str, Any]:
    """Answer a request; see the module for the shape.

    Parameters
    ----------
    resources
        As the stage gets them; the tenant is the request's.
    config
        Options of the stage `license`; operation, region and purpose are the request's where it says them.

    Raises
    ------
    ConfigurationError
        The environment names a registry at what is no address.
    ServiceUnreachableError
        The registry does not answer, and the options say to wait.
    RejectedError
        The registry refuses the question.
    """
    asked = {"operation": request.operation, "region": request.region, "purpose": request.purpose}
    config = config.model_copy(update={name: value for name, value in asked.items() if value is not None})
    # not from the workers' cache: a person who asks again after a change shall see it
    registry = asked_registry(config, replace(resources, tenant=request.tenant_id), shared=False)
    said = rules(config)
    findings: Mapping[str, Finding] | None = {}
    if registry is not None and (unnamed := sorted({id for id in _ids(request) if not said.names(id)})):
        try:
            findings, _ = await registry.findings(unnamed, request.tenant_id)
        except ServiceUnreachableError:
            if config.when_unreachable == "wait":
                raise
            findings = None
    instead = None if config.when_unreachable == "wait" else config.when_unreachable
    now = datetime.fromtimestamp(resources.clock(), UTC)
    return answer(request, said, findings, now, instead=instead, address=registry.address if registry else "")


def answer(
    request: CheckRequest,
    said: Rules,
    findings: Mapping[str, Finding] | None,
    now: datetime,
    *,
    instead: Outcome | None = None,
    address: str = "",
) -> dict[str, Any]:
    """The answer that follows from what the file says and what the registry found; asks nobody.

    Parameters
    ----------
    findings
        By id; a license without one is unknown. None where the registry did not answer.
    now
        With its zone.
    instead
        What becomes of data then.
    address
        Of the registry, whose appeals may have no more than a path.
    """

    def of(id: str) -> Decision:
        if said.names(id):
            return said.own(id, now.astimezone(UTC).date())
        if findings is None:
            return said.unverified(id, instead or "quarantine")
        return said.by(id, findings.get(id, UNKNOWN))

    expression = _read(request.license_id)
    decision = decide(expression, of) if expression else said.unreadable(missing=not request.license_id.strip())
    appeal = msgspec.to_builtins(decision.appeal) if decision.appeal and decision.outcome != "allow" else None
    if appeal and appeal["url"].startswith("/"):
        appeal["url"] = address + appeal["url"]
    return {
        "compliant": decision.outcome == "allow",
        "decision": decision.outcome,
        "license": note(expression, decision),
        "violations": msgspec.to_builtins(list(dict.fromkeys(decision.violations))),
        "warnings": msgspec.to_builtins(list(dict.fromkeys(decision.warnings))),
        "appeal": appeal,
        "checked_at": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def _ids(request: CheckRequest) -> list[str]:
    expression = _read(request.license_id)
    return list(ids(expression)) if expression else []


def _read(text: str) -> Expression | None:
    try:
        return parse(text)
    except ValueError:
        return None
