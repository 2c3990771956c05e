"""The decision on a license expression: of each license in it the file's lists, its terms and the registry, in order.

Pure: lists and terms, the registry's findings and the day in, a decision out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal, NamedTuple

from penstock.agents.license._duties import SHARE_ALIKE, duties
from penstock.agents.license._expression import Expression, License, known, known_exception
from penstock.agents.license._strictest import WORSE
from penstock.model.license import Appeal, Finding, Terms, Use, Violation, Warning, common_regions, judge

Outcome = Literal["allow", "deny", "quarantine"]

_UNLISTED_EXCEPTION: Final = Warning("not_spdx", "the exception is not on the SPDX list")
_OVER: Final = frozenset(("revoked", "expired", "not_yet_valid"))


class Decision(NamedTuple):
    """What becomes of records under one license, and why.

    Attributes
    ----------
    code : str
        Of the verdict; empty where the record goes on.
    share_alike : tuple of str
        Licenses that whatever is made of the data must go on under.
    regions, purposes : tuple of str or None
        What the data is limited to; None is not at all.
    """

    outcome: Outcome
    code: str = ""
    duties: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()
    warnings: tuple[Warning, ...] = ()
    attribution: tuple[str, ...] = ()
    share_alike: tuple[str, ...] = ()
    regions: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None
    valid_until: str | None = None
    appeal: Appeal | None = None


@dataclass(frozen=True)
class Rules:
    """What a pipeline file says of licenses; ids in lower case."""

    use: Use
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    quarantine: frozenset[str] = frozenset()
    terms: Mapping[str, Terms] = field(default_factory=dict)
    unknown: Outcome = "quarantine"

    def names(self, id: str) -> bool:
        """Whether the file itself says something of the license."""
        key = id.lower()
        return key in self.allow or key in self.deny or key in self.quarantine or key in self.terms

    def own(self, id: str, day: date) -> Decision:
        """The decision on a license that the file names."""
        key = id.lower()
        if key in self.deny:
            violation = Violation("denied", f"deny: {id}", "the pipeline file denies the license", "error")
            return Decision("deny", "license_denied", violations=(violation,))
        if key in self.quarantine:
            violation = Violation("quarantined", f"quarantine: {id}", "the pipeline file sets it aside", "review")
            return Decision("quarantine", "license_quarantined", violations=(violation,))
        if key in self.terms:
            return self.by(id, judge(self.terms[key], self.use, day))
        owed = duties(id)
        return Decision("allow", "", owed, share_alike=_share_alike(id, owed))

    def by(self, id: str, finding: Finding) -> Decision:
        """The decision that a finding asks for."""
        owed = finding.duties if finding.decision == "allow" or finding.duties else duties(id)
        outcome, code = self._outcome(finding)
        violations = finding.violations or self._stated(id, finding)
        warnings = (*finding.warnings, *_unlisted(id))
        if outcome == "allow":
            warnings += tuple(Warning(violation.code, violation.message) for violation in violations)
            violations, code = (), ""
        return Decision(
            outcome,
            code,
            owed,
            violations,
            warnings,
            (finding.attribution,) if finding.attribution else (),
            _share_alike(id, owed),
            finding.regions or None,
            finding.purposes or None,
            finding.valid_until,
            finding.appeal,
        )

    def unverified(self, id: str, instead: Outcome) -> Decision:
        """The decision where the registry does not answer."""
        told = "the license registry does not answer"
        severity: Literal["error", "review"] = "error" if instead == "deny" else "review"
        violations = (Violation("unverified", f"registry: {id}", told, severity),) if instead != "allow" else ()
        warnings = (Warning("unverified", told),) if instead == "allow" else ()
        return Decision(instead, "license_unverified", duties(id), violations, warnings)

    def unreadable(self, missing: bool) -> Decision:
        """The decision where there is no license, or what stands there is none."""
        code = "missing" if missing else "unknown"
        message = "nobody names a license" if missing else "what stands there is no license expression"
        return self._left(Violation(code, f"unknown: {self.unknown}", message, "review"), f"license_{code}")

    def _left(self, violation: Violation, code: str) -> Decision:
        if self.unknown == "allow":
            return Decision("allow", "", warnings=(Warning(violation.code, violation.message),))
        return Decision(self.unknown, code, violations=(violation,))

    def _outcome(self, finding: Finding) -> tuple[Outcome, str]:
        if finding.decision == "allow":
            return "allow", ""
        if finding.decision == "deny":
            return "deny", "license_revoked" if finding.reason in _OVER else "license_denied"
        return self.unknown, "license_unknown"

    def _stated(self, id: str, finding: Finding) -> tuple[Violation, ...]:
        """A violation for a finding that brings none, from a registry that says no more than a decision."""
        term = f"registry: {id}"
        if finding.decision == "allow":
            return ()
        if finding.decision == "deny":
            return (Violation(finding.reason or "denied", term, "the registry denies it", "error"),)
        return (Violation(finding.reason or "unknown_license", term, "nobody knows the license", "review"),)


def decide(expression: Expression, of: Callable[[str], Decision]) -> Decision:
    """The decision on an expression: of OR the best part's, of AND the worst part's, with what all of them ask."""
    if isinstance(expression, License):
        decision = of(expression.id)
        if known_exception(expression):
            return decision
        return decision._replace(warnings=(*decision.warnings, _UNLISTED_EXCEPTION))
    decisions = [decide(part, of) for part in expression.parts]
    if expression.operator == "OR":
        return min(decisions, key=lambda decision: WORSE[decision.outcome])
    worst = max(decisions, key=lambda decision: WORSE[decision.outcome])
    summed: dict[str, Any] = {
        name: tuple(dict.fromkeys(item for decision in decisions for item in getattr(decision, name)))
        for name in ("duties", "violations", "warnings", "attribution", "share_alike")
    }
    joined = worst._replace(
        **summed,
        regions=_common_regions(decisions),
        purposes=_common_purposes(decisions),
        valid_until=min((d.valid_until for d in decisions if d.valid_until), default=None),
        appeal=next((d.appeal for d in decisions if d.appeal and d.outcome == worst.outcome), None),
    )
    if joined.outcome == "allow" and () in (joined.regions, joined.purposes):
        violation = Violation("irreconcilable", "regions, purposes", "the licenses have no use in common", "error")
        return joined._replace(outcome="deny", code="license_denied", violations=(*joined.violations, violation))
    return joined


def note(expression: Expression | None, decision: Decision) -> dict[str, Any]:
    """What a record carries along of a decision that lets it go on; see `penstock.agents.license.license`."""
    # what is no license is not repeated: it may be anything
    found: dict[str, Any] = {"id": None if expression is None else str(expression), "decision": decision.outcome}
    found["duties"] = list(decision.duties)
    for name in ("attribution", "share_alike", "regions", "purposes", "valid_until"):
        if value := getattr(decision, name):
            found[name] = value if isinstance(value, str) else list(value)
    return found


def _share_alike(id: str, owed: tuple[str, ...]) -> tuple[str, ...]:
    return (id,) if SHARE_ALIKE in owed else ()


def _unlisted(id: str) -> tuple[Warning, ...]:
    if known(id):
        return ()
    return (Warning("not_spdx", "the id is neither on the SPDX list nor a LicenseRef"),)


def _common_regions(decisions: list[Decision]) -> tuple[str, ...] | None:
    found: tuple[str, ...] | None = None
    for decision in decisions:
        if decision.regions is not None:
            found = decision.regions if found is None else common_regions(found, decision.regions)
    return found


def _common_purposes(decisions: list[Decision]) -> tuple[str, ...] | None:
    found: set[str] | None = None
    for decision in decisions:
        if decision.purposes is not None:
            found = {*decision.purposes} if found is None else found & {*decision.purposes}
    return None if found is None else tuple(sorted(found))
