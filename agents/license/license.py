"""license: whether a record may go on under its license, and what is owed for it.

A record's license is an SPDX expression: the named field, else what its source said (header ``penstock-license``),
else the file's. Of each license in it the first of these decides: the file's `deny`, `quarantine`, `allow`, the
registry, `unknown`. Of ``A OR B`` the better one counts, of ``A AND B`` the worse.

>>> run("license", {"license": "cc-by-4.0 or mit"}, field="license", allow=["CC-BY-4.0"], deny=["MIT"])
{'license': {'id': 'CC-BY-4.0 OR MIT', 'decision': 'allow', 'duties': ['attribution']}}
>>> run("license", {"license": "MIT"}, field="license", deny=["MIT"])
Deny(code='license_denied')
>>> run("license", {"text": "whose?"})
Quarantine(code='license_missing')

Codes:

=======================  ======================================================================================
``license_denied``       the file or the registry denies it
``license_revoked``      the registry says that it was revoked, or is no longer valid
``license_quarantined``  the file sets it aside
``license_unknown``      nobody knows it, or it is no license at all
``license_missing``      the record has none, nor have its source and the file
``license_unverified``   the registry does not answer, and the file does not want to wait
=======================  ======================================================================================
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from penstock.agents.license._duties import duties
from penstock.agents.license._expression import LONGEST, Expression, License, ids, parse
from penstock.agents.license._registry import URL_VARIABLE, Finding, Registry
from penstock.model.component import ApplyBatch, Resources, StageConfig
from penstock.model.errors import ConfigurationError, ServiceUnreachableError
from penstock.model.record import HEADER_LICENSE, Record
from penstock.model.verdict import Deny, Keep, Quarantine, Verdict

Outcome = Literal["allow", "deny", "quarantine"]
Operation = Literal["ingest", "transform", "enrich", "redistribute", "commercial-use", "model-training", "export"]

_MOST_KEPT: Final = 10_000
_WORSE: Final[dict[Outcome, int]] = {"allow": 0, "quarantine": 1, "deny": 2}
_FOR_EVER: Final = float("inf")
_UNREADABLE: Final = "\0"  # stands for whatever is no text
_MISSING: Final = ""


def _readable(text: str | None) -> str | None:
    if text is not None:
        parse(text)
    return text


def _single(id: str) -> str:
    expression = parse(id)
    if not isinstance(expression, License) or expression.id != expression.written:
        raise ValueError("a single license id stands here, not an expression")
    return expression.id


def _switch(value: Any) -> Any:
    # bare on and off are booleans in YAML
    return {True: "required", False: "off"}.get(value, value) if isinstance(value, bool) else value


Id = Annotated[str, AfterValidator(_single)]


class Config(StageConfig):
    """Options of `license`."""

    field: str | None = Field(None, description="Dotted path of the field that names a record's license.")
    default: Annotated[str | None, AfterValidator(_readable)] = Field(
        None, description="License of records that neither say theirs nor come from a source's; the file's if absent."
    )
    allow: list[Id] = Field([], description="SPDX ids, in any case, that records may go on under.")
    deny: list[Id] = Field([], description="SPDX ids that no record goes on under, whatever else says so.")
    quarantine: list[Id] = Field([], description="SPDX ids whose records are set aside until somebody decides.")
    unknown: Outcome = Field("quarantine", description="What becomes of records whose license is missing or unknown.")
    operation: Operation = Field("ingest", description="What the registry is asked about.")
    registry: Annotated[Literal["auto", "off", "required"], BeforeValidator(_switch)] = Field(
        "auto", description=f"auto: asked where {URL_VARIABLE} is set; off: never; required: always."
    )
    when_unreachable: Literal["wait", "allow", "deny", "quarantine"] = Field(
        "wait", description="wait: nothing goes on until the registry answers; else what becomes of the records."
    )
    cache_seconds: float = Field(300, gt=0, description="How long an answer of the registry holds.")


class Decision(NamedTuple):
    """What becomes of records under one license, and why."""

    outcome: Outcome
    code: str = ""
    duties: tuple[str, ...] = ()


class _Known(NamedTuple):
    verdict: Verdict
    until: float


def build(config: Config, resources: Resources) -> ApplyBatch:
    """Raises ConfigurationError: the pipeline's license is none, or the registry's address."""
    licensed = _finder(config, resources)
    asked = config.registry == "required" or (config.registry == "auto" and bool(resources.environ.get(URL_VARIABLE)))
    registry = Registry(resources, config.operation, config.cache_seconds) if asked else None
    policy = Policy(config, registry)
    clock = resources.clock

    async def check(records: Sequence[Record]) -> Sequence[Verdict]:
        named = [licensed(record) for record in records]
        verdicts = await policy.verdicts(set(named), clock())
        return [verdicts[text] for text in named]

    return check


class Policy:
    """The verdicts of the file and the registry on licenses as records name them.

    Parameters
    ----------
    config
        The file's lists and what to do where they end.
    registry
        None where there is none to ask.
    """

    def __init__(self, config: Config, registry: Registry | None) -> None:
        self._config = config
        self._registry = registry
        self._file: dict[str, Decision] = {}
        for id in config.allow:
            self._file[id.lower()] = Decision("allow", "", duties(id))
        self._file.update({id.lower(): Decision("quarantine", "license_quarantined") for id in config.quarantine})
        self._file.update({id.lower(): Decision("deny", "license_denied") for id in config.deny})
        self._known: dict[str, _Known] = {}

    async def verdicts(self, texts: set[str], now: float) -> dict[str, Verdict]:
        """The verdict for each of `texts`.

        Raises
        ------
        ServiceUnreachableError
            The registry does not answer and the file says to wait.
        RejectedError
            The registry refuses the question.
        """
        found: dict[str, Verdict] = {}
        open_: dict[str, Expression] = {}
        for text in texts:
            known = self._known.get(text)
            if known is not None and known.until > now:
                found[text] = known.verdict
                continue
            expression = _parsed(text)
            if expression is None:
                code = "license_missing" if text == _MISSING else "license_unknown"
                found[text] = self._keep(text, None, Decision(self._config.unknown, code), _FOR_EVER)
            elif (decision := self._settled(expression)) is not None:
                found[text] = self._keep(text, expression, decision, _FOR_EVER)
            else:
                open_[text] = expression
        return found | await self._asked(open_) if open_ else found

    def _settled(self, expression: Expression) -> Decision | None:
        """What the file alone decides, whatever a registry would say of the licenses that it does not name."""
        if self._registry is None:
            return decide(expression, lambda id: self._decision(id, None))
        at_best = decide(expression, lambda id: self._file.get(id.lower(), Decision("allow")))
        at_worst = decide(expression, lambda id: self._file.get(id.lower(), Decision("deny")))
        if at_best.outcome != at_worst.outcome:
            return None
        # the one that the file's own entry made, with its code and duties
        return at_best if at_best.outcome == "deny" else at_worst

    async def _asked(self, expressions: dict[str, Expression]) -> dict[str, Verdict]:
        """The verdicts on licenses that the registry has a say in; one question for all of them."""
        assert self._registry is not None
        wanted = {id for expression in expressions.values() for id in ids(expression) if id.lower() not in self._file}
        try:
            findings, until = await self._registry.findings(sorted(wanted))
        except ServiceUnreachableError:
            if self._config.when_unreachable == "wait":
                raise
            instead = self._config.when_unreachable
            return {
                text: _verdict(expression, decide(expression, lambda id: self._unverified(id, instead)))
                for text, expression in expressions.items()
            }
        return {
            text: self._keep(
                text, expression, decide(expression, lambda id: self._decision(id, findings.get(id))), until
            )
            for text, expression in expressions.items()
        }

    def _decision(self, id: str, finding: Finding | None) -> Decision:
        listed = self._file.get(id.lower())
        if listed is not None:
            return listed
        if finding is not None and finding.decision == "allow":
            return Decision("allow", "", finding.duties)
        if finding is not None and finding.decision == "deny":
            over = finding.reason in ("revoked", "expired")
            return Decision("deny", "license_revoked" if over else "license_denied")
        return Decision(self._config.unknown, "license_unknown", duties(id))

    def _unverified(self, id: str, instead: Outcome) -> Decision:
        return self._file.get(id.lower()) or Decision(instead, "license_unverified", duties(id))

    def _keep(self, text: str, expression: Expression | None, decision: Decision, until: float) -> Verdict:
        verdict = _verdict(expression, decision)
        if text not in self._known and len(self._known) >= _MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[text] = _Known(verdict, until)
        return verdict


def decide(expression: Expression, of: Callable[[str], Decision]) -> Decision:
    """The decision on an expression: of OR the best part's, of AND the worst part's, with the duties of all."""
    if isinstance(expression, License):
        return of(expression.id)
    decisions = [decide(part, of) for part in expression.parts]
    if expression.operator == "OR":
        return min(decisions, key=lambda decision: _WORSE[decision.outcome])
    worst = max(decisions, key=lambda decision: _WORSE[decision.outcome])
    return worst._replace(duties=tuple(dict.fromkeys(duty for decision in decisions for duty in decision.duties)))


def _verdict(expression: Expression | None, decision: Decision) -> Verdict:
    if decision.outcome == "deny":
        return Deny(decision.code)
    if decision.outcome == "quarantine":
        return Quarantine(decision.code)
    # what is no license is not repeated in the note: it may be anything
    id = None if expression is None else str(expression)
    return Keep(notes={"license": orjson.dumps({"id": id, "decision": "allow", "duties": decision.duties})})


def _parsed(text: str) -> Expression | None:
    try:
        return parse(text)
    except ValueError:
        return None


def _finder(config: Config, resources: Resources) -> Callable[[Record], str]:
    """Finds how a record names its license: an expression, `_MISSING`, or `_UNREADABLE`."""
    default = config.default or resources.options.get("license") or _MISSING
    if default and _parsed(default) is None:
        raise ConfigurationError("the pipeline's license is no SPDX expression", hint="such as CC-BY-4.0")
    parts = config.field.split(".") if config.field else []

    def licensed(record: Record) -> str:
        value: Any = record.data if parts else None
        for part in parts:
            value = value.get(part) if type(value) is dict else None
        if value is None or value == "":
            value = (record.header(HEADER_LICENSE) if record.headers else None) or default
        return value if isinstance(value, str) and len(value) <= LONGEST else _UNREADABLE

    return licensed
