"""risk: a risk score of the record from rules over its fields and what earlier stages found, each factor explained.

>>> rule = {"name": "large transfer", "when": [{"field": "amount", "operator": "gt", "value": 10000}], "points": 45}
>>> found = run("risk", {"amount": 25000}, rules=[rule])["risk"]
>>> found["score"], found["level"], found["factors"][0]["rule"], found["factors"][0]["points"]
(45, 'medium', 'large transfer', 45)

A rule holds when all conditions of ``when`` hold and, where there are any, one of ``any``. A condition compares a
field with a value or another field; paths may lead into earlier enrichments (``enrichments.geo.ip_geo.country_code``)
and notes (``notes.license.decision``). No code is evaluated. Points of the rules that hold are added up, negative ones
lower the score, and the sum is kept between 0 and ``scale``. ``factors`` names every rule that held, what it added and
the fields it looked at, never their values. The rules by default read what `threat_intel`, `redact`, `license` and
`geoip` note; without those stages in front they hold of nothing.
"""

from typing import Any, Final, Self

from pydantic import Field, model_validator

from penstock.agents.enrich._rules.conditions import Condition, compiled
from penstock.model.component import Annotations, ComponentConfig, EnrichRecord, StageConfig
from penstock.model.record import Record

ALIASES = ("risk_score", "risk_scorer", "risk_scoring")
GROUP = "risk"


class Rule(ComponentConfig):
    """What raises or lowers the score."""

    name: str = Field(min_length=1, description="What the factor is called.")
    when: tuple[Condition, ...] = Field((), description="Conditions that must all hold.")
    any: tuple[Condition, ...] = Field((), description="Conditions of which one must hold.")
    points: float = Field(description="What it adds to the score, in points of a hundred; negative ones lower it.")
    reason: str = Field("", description="Why, for people who read the factor; the name where absent.")

    @model_validator(mode="after")
    def _conditional(self) -> Self:
        if not self.when and not self.any:
            raise ValueError("a rule needs a condition, in when or in any")
        return self


def _rule(name: str, points: float, reason: str, *conditions: dict[str, Any]) -> Rule:
    return Rule(name=name, points=points, reason=reason, any=tuple(Condition(**each) for each in conditions))


_GRAVE: Final = [
    *("biometric", "ethnicity", "genetic", "health", "political_opinion", "religion", "sexual_orientation"),
    *("credit_card", "bank_account", "iban", "medical_record", "passport", "driving_licence"),
    *("api_key", "jwt", "password", "private_key", "url_credentials"),
    *("ssn", "us_itin", "ca_sin", "mx_curp", "br_cpf", "uk_nino", "uk_nhs", "ie_pps", "za_id", "au_medicare", "au_tfn"),
    *("be_nn", "ch_ahv", "de_tax_id", "dk_cpr", "es_nif", "fi_hetu", "fr_nir", "it_codice_fiscale", "nl_bsn", "pt_nif"),
    *("no_fodselsnummer", "pl_pesel", "se_personnummer", "tr_tckn", "il_id", "in_aadhaar", "in_pan", "cn_ric"),
    *("kr_rrn", "sg_nric"),
]
"""Categories of `redact`: the special ones (GDPR, article 9), money, documents, secrets, numbers of persons."""

RULES: Final = (
    _rule(
        "threat_intel",
        60,
        "an indicator of compromise was matched",
        {"field": "enrichments.threat_intel.matches.*", "operator": "exists"},
    ),
    _rule(
        "license",
        25,
        "the license does not simply allow the use",
        {"field": "notes.license.decision", "operator": "ne", "value": "allow"},
    ),
    _rule(
        "grave_pii",
        25,
        "personal data were found that harm their owner when they leak",
        {"field": "notes.pii.*.category", "operator": "in", "value": _GRAVE},
    ),
    _rule("pii", 10, "personal data were found", {"field": "notes.pii.*", "operator": "exists"}),
    _rule(
        "odd_network",
        10,
        "an address is from a range that no public traffic comes from",
        {"field": "enrichments.geo.*.scope", "operator": "in", "value": ["reserved", "documentation", "multicast"]},
    ),
)


class Config(StageConfig):
    """Options of risk."""

    rules: tuple[Rule, ...] = Field(RULES, description="The rules; those given replace the ones by default.")
    scale: float = Field(100, gt=0, description="What the score goes up to: 100, or 1.")
    levels: dict[str, float] = Field(
        {"low": 0, "medium": 30, "high": 60, "critical": 85},
        min_length=1,
        description="The least points of a hundred of each level; one must begin at 0.",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len({*names}) < len(names):
            raise ValueError("two rules have the same name")
        if 0 not in self.levels.values():
            raise ValueError("no level begins at 0")
        return self


def build(config: Config) -> EnrichRecord:
    """Compile the stage."""
    rules = [(rule, [*map(compiled, rule.when)], [*map(compiled, rule.any)]) for rule in config.rules]
    levels = sorted(config.levels.items(), key=lambda level: -level[1])
    whole = float(config.scale).is_integer() and config.scale >= 10

    def score(points: float) -> float:
        scaled = points * config.scale / 100
        return round(scaled) if whole else round(scaled, 4)

    def enrich(record: Record) -> Annotations | None:
        held = [
            rule for rule, every, some in rules
            if all(holds(record) for holds in every) and (not some or any(holds(record) for holds in some))
        ]  # fmt: skip
        points = min(100.0, max(0.0, sum(rule.points for rule in held)))
        level = next((name for name, least in levels if points >= least), levels[-1][0])
        return {GROUP: {"score": score(points), "level": level, "factors": [_factor(rule, score) for rule in held]}}

    return enrich


def _factor(rule: Rule, score: Any) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "points": score(rule.points),
        "reason": rule.reason or rule.name,
        "fields": list(dict.fromkeys(condition.field for condition in (*rule.when, *rule.any))),
    }
