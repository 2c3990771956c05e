"""license: whether a record may go on under its license, and what is owed for it.

A record's license is an SPDX expression: the named field, else what its source said (header ``penstock-license``),
else the file's. Of each license in it the first of these decides: the file's `deny`, `quarantine`, `terms`, `allow`,
the registry, `unknown`. Of ``A OR B`` the better one counts, of ``A AND B`` the worse. `operation`, `region` and
`purpose` say what the data is used for; `terms` and the registry say what a license allows (docs/LICENSES.md).

>>> run("license", {"license": "cc-by-4.0 or mit"}, field="license", allow=["CC-BY-4.0"], deny=["MIT"])
{'license': {'id': 'CC-BY-4.0 OR MIT', 'decision': 'allow', 'duties': ['attribution']}}
>>> run("license", {"license": "MIT"}, field="license", deny=["MIT"])
Deny(code='license_denied')
>>> run("license", {"text": "whose?"})
Quarantine(code='license_missing')
>>> vendor = {"LicenseRef-Vendor": {"allow": ["enrich"], "regions": ["EU"], "valid_until": "2099-12-31"}}
>>> run("license", {"license": "LicenseRef-Vendor"}, field="license", terms=vendor, operation="enrich", region="DE")
... # doctest: +NORMALIZE_WHITESPACE
{'license': {'id': 'LicenseRef-Vendor', 'decision': 'allow', 'duties': [], 'regions': ['EU'],
             'valid_until': '2099-12-31'}}
>>> run("license", {"license": "LicenseRef-Vendor"}, field="license", terms=vendor, operation="enrich", region="US")
Deny(code='license_denied')

The note carries along what is owed and what limits the use, where there is such a thing: ``attribution`` (texts to
show), ``share_alike`` (licenses that whatever is made of the data must go on under), ``regions``, ``purposes``,
``valid_until``. A record made of several gets the strictest of theirs (`penstock.agents.license.strictest`).

Codes:

=======================  ======================================================================================
``license_denied``       the file, its terms or the registry deny it
``license_revoked``      it was revoked, or is not valid any more or not yet
``license_quarantined``  the file sets it aside
``license_unknown``      nobody knows it, or says whether the use is allowed, or it is no license at all
``license_missing``      the record has none, nor have its source and the file
``license_unverified``   the registry does not answer, and the file does not want to wait
=======================  ======================================================================================
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from penstock.agents.license._decision import Decision, Outcome, Rules, decide, note
from penstock.agents.license._expression import LONGEST, Expression, License, ids, parse
from penstock.agents.license._registry import UNKNOWN, URL_VARIABLE, Registry
from penstock.model.component import ApplyBatch, Resources, StageConfig
from penstock.model.errors import ConfigurationError, ServiceUnreachableError
from penstock.model.license import Operation, Purpose, Region, Terms, Use
from penstock.model.record import HEADER_LICENSE, HEADER_TENANT, Record
from penstock.model.verdict import Deny, Keep, Quarantine, Verdict

_MOST_KEPT: Final = 10_000
_DAY_SECONDS: Final = 24 * 3600
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
    terms: dict[Id, Terms] = Field({}, description="What a license, such as a vendor's, says of uses, by its id.")
    unknown: Outcome = Field("quarantine", description="What becomes of records whose license is missing or unknown.")
    operation: Operation = Field("ingest", description="What is done with the data.")
    region: Region | None = Field(None, description="Where: a country such as DE, a part of one, EU or EEA.")
    purpose: Purpose | None = Field(None, description="What for: a name that `terms` or the registry know.")
    registry: Annotated[Literal["auto", "off", "required"], BeforeValidator(_switch)] = Field(
        "auto", description=f"auto: asked where {URL_VARIABLE} is set; off: never; required: always."
    )
    when_unreachable: Literal["wait", "allow", "deny", "quarantine"] = Field(
        "wait", description="wait: nothing goes on until the registry answers; else what becomes of the records."
    )
    cache_seconds: float = Field(300, gt=0, description="How long an answer of the registry holds.")


class Named(NamedTuple):
    """How a record names its license, and whose it is."""

    text: str
    tenant: str


class _Known(NamedTuple):
    verdict: Verdict
    until: float


def build(config: Config, resources: Resources) -> ApplyBatch:
    """Raises ConfigurationError: the pipeline's license is none, or the registry's address or key."""
    asked = asked_registry(config, resources)
    named, policy = naming(config, resources, tenants=asked is not None), Policy(config, asked)
    clock = resources.clock

    async def check(records: Sequence[Record]) -> Sequence[Verdict]:
        names = [named(record) for record in records]
        verdicts = await policy.verdicts(set(names), clock())
        return [verdicts[name] for name in names]

    return check


def asked_registry(config: Config, resources: Resources, *, shared: bool = True) -> Registry | None:
    """The registry that the options and the environment say to ask, if they do; see `Registry` for `shared`."""
    asked = config.registry == "required" or (config.registry == "auto" and bool(resources.environ.get(URL_VARIABLE)))
    return Registry(resources, use(config), config.cache_seconds, shared=shared) if asked else None


def use(config: Config) -> Use:
    """What is done with the data."""
    return Use(config.operation, config.region or "", config.purpose or "")


def rules(config: Config) -> Rules:
    """What the options say of licenses."""
    lists = {name: frozenset(map(str.lower, getattr(config, name))) for name in ("allow", "deny", "quarantine")}
    terms = {id.lower(): said for id, said in config.terms.items()}
    return Rules(use(config), **lists, terms=terms, unknown=config.unknown)


class Policy:
    """The verdicts of the file and the registry on licenses as records name them.

    Parameters
    ----------
    config
        The file's lists and terms, and what to do where they end.
    registry
        None where there is none to ask.
    """

    def __init__(self, config: Config, registry: Registry | None) -> None:
        self._rules = rules(config)
        self._when_unreachable = config.when_unreachable
        self._registry = registry
        self._known: dict[Named, _Known] = {}

    async def verdicts(self, names: set[Named], now: float) -> dict[Named, Verdict]:
        """The verdict for each of `names`.

        Raises
        ------
        ServiceUnreachableError
            The registry does not answer and the file says to wait.
        RejectedError
            The registry refuses the question.
        """
        found: dict[Named, Verdict] = {}
        open_: dict[str, dict[Named, Expression]] = {}  # by tenant
        day, midnight = _today(now)
        for name in names:
            known = self._known.get(name)
            if known is not None and known.until > now:
                found[name] = known.verdict
                continue
            expression = _parsed(name.text)
            if expression is None:
                found[name] = self._keep(name, None, self._rules.unreadable(name.text == _MISSING), midnight)
            elif (decision := self._settled(expression, day)) is not None:
                found[name] = self._keep(name, expression, decision, midnight)
            else:
                open_.setdefault(name.tenant, {})[name] = expression
        if open_:  # as a rule there is nothing to ask
            asked = (self._asked(tenant, expressions, day, midnight) for tenant, expressions in open_.items())
            for some in await asyncio.gather(*asked):
                found |= some
        return found

    def _settled(self, expression: Expression, day: date) -> Decision | None:
        """What the file alone decides, whatever a registry would say of the licenses that it does not name."""
        rules = self._rules
        if self._registry is None:
            return decide(expression, lambda id: rules.own(id, day) if rules.names(id) else rules.by(id, UNKNOWN))
        at_best = decide(expression, lambda id: rules.own(id, day) if rules.names(id) else Decision("allow"))
        at_worst = decide(expression, lambda id: rules.own(id, day) if rules.names(id) else Decision("deny"))
        if at_best.outcome != at_worst.outcome:
            return None
        # the one that the file's own entry made, with its code and duties
        return at_best if at_best.outcome == "deny" else at_worst

    async def _asked(
        self, tenant: str, expressions: dict[Named, Expression], day: date, midnight: float
    ) -> dict[Named, Verdict]:
        """The verdicts on licenses that the registry has a say in; one question for all of them."""
        assert self._registry is not None
        rules = self._rules
        wanted = {id for expression in expressions.values() for id in ids(expression) if not rules.names(id)}
        try:
            findings, until = await self._registry.findings(sorted(wanted), tenant)
        except ServiceUnreachableError:
            if self._when_unreachable == "wait":
                raise
            instead = self._when_unreachable
            return {
                name: _verdict(
                    expression,
                    decide(
                        expression, lambda id: rules.own(id, day) if rules.names(id) else rules.unverified(id, instead)
                    ),
                )
                for name, expression in expressions.items()
            }
        return {
            name: self._keep(
                name,
                expression,
                decide(expression, lambda id: rules.own(id, day) if rules.names(id) else rules.by(id, findings[id])),
                min(until, midnight),
            )
            for name, expression in expressions.items()
        }

    def _keep(self, name: Named, expression: Expression | None, decision: Decision, until: float) -> Verdict:
        verdict = _verdict(expression, decision)
        if name not in self._known and len(self._known) >= _MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[name] = _Known(verdict, until)
        return verdict


def _verdict(expression: Expression | None, decision: Decision) -> Verdict:
    if decision.outcome == "deny":
        return Deny(decision.code)
    if decision.outcome == "quarantine":
        return Quarantine(decision.code)
    return Keep(notes={"license": orjson.dumps(note(expression, decision))})


def _today(now: float) -> tuple[date, float]:
    """The day, in UTC, and when it ends (seconds since the epoch): terms may end with it."""
    return datetime.fromtimestamp(now, UTC).date(), (now // _DAY_SECONDS + 1) * _DAY_SECONDS


def _parsed(text: str) -> Expression | None:
    try:
        return parse(text)
    except ValueError:
        return None


def naming(config: Config, resources: Resources, *, tenants: bool = True) -> Callable[[Record], Named]:
    """Finds how a record names its license (an expression, `_MISSING`, or `_UNREADABLE`), and its tenant.

    Without `tenants` every record is the pipeline's: a file says the same of all.

    Raises ConfigurationError: the pipeline's license is no expression.
    """
    default = config.default or resources.options.get("license") or _MISSING
    if default and _parsed(default) is None:
        raise ConfigurationError("the pipeline's license is no SPDX expression", hint="such as CC-BY-4.0")
    parts = config.field.split(".") if config.field else []
    usual = resources.tenant

    def named(record: Record) -> Named:
        value: Any = record.data if parts else None
        for part in parts:
            value = value.get(part) if type(value) is dict else None
        if value is None or value == "":
            value = (record.header(HEADER_LICENSE) if record.headers else None) or default
        text = value if isinstance(value, str) and len(value) <= LONGEST else _UNREADABLE
        if not tenants:
            return Named(text, usual)
        tenant = record.note("tenant") or (record.header(HEADER_TENANT) if record.headers else None)
        return Named(text, tenant if isinstance(tenant, str) and tenant else usual)

    return named
