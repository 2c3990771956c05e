"""quality: how complete, valid, consistent, timely, unique and accurate the record is, and what cost it points.

>>> found = run("quality", {"id": 7, "email": "ann(at)example.com", "city": ""})
>>> found["quality_score"], found["enrichments.quality"]["dimensions"]["completeness"]
(0.3333, 0.6667)
>>> [(issue["dimension"], issue["field"], issue["cost"]) for issue in found["enrichments.quality"]["issues"]]
[('validity', 'email', 0.5), ('completeness', 'city', 0.1667)]

Each dimension is the weighted share of its checks that passed, 0 to 1, and null where it had nothing to check; the
score is the mean of the others by ``weights``. It stands in ``metadata.quality_score`` as well. An issue's ``cost`` is
what it took from the score: 1 less the costs of all issues is the score, but for rounding.

============  =========================================================================================
completeness  the fields of ``required`` are there and not empty; without it, every field is not empty
validity      values have the form of ``formats`` (by name of the field) and keep to ``validity``
consistency   conditions between fields (``created_at`` is not after ``updated_at``)
timeliness    a time is no older than its limit **when the record was produced**; from the limit to twice
              the limit the check fades from 1 to 0
uniqueness    items of a list differ, whole or in one field of theirs
accuracy      conditions that the truth keeps to, of the data or against what earlier stages found
============  =========================================================================================

A record whose score is below ``min_score`` is dropped or quarantined (or kept), as ``below_min`` says:

===============  ======================================================================================
``low_quality``  the score of the record is below ``min_score``
===============  ======================================================================================

Uniqueness is looked for **within the record only**. Whether another record of the stream is the same is asked of
`dedup`, whose memory is kept with the stream's position: what a process remembers by itself would give another score
when records are read again after a failure. For the same reason age is counted to the record's own time, not to now.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson
from pydantic import Field

from penstock.agents.enrich._rules.conditions import Condition, compiled, moment, path
from penstock.agents.enrich._rules.formats import FORMATS, Format
from penstock.agents.fields import Finder, leaves
from penstock.model.component import Apply, ComponentConfig, FieldNames, StageConfig
from penstock.model.record import Record
from penstock.model.verdict import Drop, Keep, Quarantine, Verdict

ALIASES = ("quality_scorer",)
GROUP = "quality"

Dimension: TypeAlias = Literal["completeness", "validity", "consistency", "timeliness", "uniqueness", "accuracy"]


class Rule(ComponentConfig):
    """A condition that a good record keeps to."""

    check: Condition = Field(description="What must hold; where a field of it is absent, nothing is checked.")
    name: str = Field("", description="What an issue calls it; its field and operator where absent.")
    weight: float = Field(1, gt=0, description="How much it counts beside the other checks of its dimension.")


class Fresh(ComponentConfig):
    """A field that holds a time, and how old it may be."""

    field: str = Field(min_length=1, description="Path of the field: ISO 8601, or seconds or milliseconds.")
    max_age_seconds: float = Field(86_400, gt=0, description="The age that costs nothing.")
    ahead_seconds: float = Field(
        300, ge=0, description="How far it may lie behind the record's own time (clocks differ)."
    )
    weight: float = Field(1, gt=0, description="How much it counts beside the other checks.")


class Unique(ComponentConfig):
    """A list whose items differ."""

    field: str = Field(min_length=1, description="Path of the list.")
    by: str = Field("", description="The field of each item that differs; the whole item where empty.")
    weight: float = Field(1, gt=0, description="How much it counts beside the other checks.")


def _before(first: str, last: str) -> Rule:
    return Rule(check=Condition(field=first, operator="le", other=last))


WEIGHTS: Final[dict[Dimension, float]] = {
    "completeness": 1,
    "validity": 1,
    "consistency": 1,
    "timeliness": 1,
    "uniqueness": 1,
    "accuracy": 1,
}


class Config(StageConfig):
    """Options of quality."""

    required: FieldNames = Field((), description="Fields that must be there; without any, all that are there count.")
    formats: dict[str, Format] = Field(
        {
            "email": "email",
            "url": "url",
            "ip": "ip",
            "ip_address": "ip",
            "uuid": "uuid",
            "date": "date",
            "timestamp": "datetime",
            "created_at": "datetime",
            "updated_at": "datetime",
            "latitude": "latitude",
            "longitude": "longitude",
            "phone": "phone",
        },
        description="Names of fields and the form of their values.",
    )
    validity: tuple[Rule, ...] = Field((), description="Conditions that values must keep to (ranges, patterns, lists).")
    consistency: tuple[Rule, ...] = Field(
        (
            _before("created_at", "updated_at"),
            _before("start_date", "end_date"),
            _before("start_time", "end_time"),
            _before("valid_from", "valid_to"),
        ),
        description="Conditions between fields.",
    )
    timeliness: tuple[Fresh, ...] = Field((), description="Fields that must not be old.")
    uniqueness: tuple[Unique, ...] = Field((), description="Lists whose items must differ.")
    accuracy: tuple[Rule, ...] = Field((), description="Conditions that the truth keeps to.")
    weights: dict[Dimension, float] = Field(
        dict(WEIGHTS), description="How much each dimension counts; one that is left out does not."
    )
    min_score: float = Field(0, ge=0, le=1, description="A record below it is treated as `below_min` says.")
    below_min: Literal["keep", "drop", "quarantine"] = Field(
        "quarantine", description="What becomes of a record below `min_score`; its reason is `low_quality`."
    )


class Outcome(NamedTuple):
    """What one check found: how much of it passed (0 to 1), and how much it counts."""

    field: str
    rule: str
    passed: float
    weight: float = 1


Measure: TypeAlias = Callable[[Record], list[Outcome]]

_MOST_ISSUES: Final = 50


def build(config: Config) -> Apply:
    """Compile the stage."""
    measures: dict[Dimension, Measure] = {
        "completeness": _completeness(config.required),
        "validity": _together(_forms(config.formats), _rules(config.validity)),
        "consistency": _rules(config.consistency),
        "timeliness": _timeliness(config.timeliness),
        "uniqueness": _uniqueness(config.uniqueness),
        "accuracy": _rules(config.accuracy),
    }

    def apply(record: Record) -> Verdict:
        found = {dimension: measure(record) for dimension, measure in measures.items()}
        score, body = _scored(found, config.weights)
        if score is None:
            return Keep(notes={f"enrichments.{GROUP}": body})
        if score < config.min_score and config.below_min != "keep":
            return Drop("low_quality") if config.below_min == "drop" else Quarantine("low_quality")
        return Keep(notes={"quality_score": score, f"enrichments.{GROUP}": body})

    return apply


def _scored(
    found: dict[Dimension, list[Outcome]], weights: dict[Dimension, float]
) -> tuple[float | None, dict[str, Any]]:
    """The score, None where nothing was checked, and what stands in the record."""
    shares = {dimension: _share(outcomes) for dimension, outcomes in found.items()}
    counted = {name: weights.get(name, 0) for name, share in shares.items() if share is not None}
    total = sum(counted.values())
    checks = {name: sum(each.weight for each in outcomes) for name, outcomes in found.items()}
    issues = [
        {"dimension": name, "field": each.field, "rule": each.rule, "cost": round(cost, 4)}
        for name, weight in counted.items()
        if weight
        for each in found[name]
        if (cost := weight / total * each.weight * (1 - each.passed) / checks[name]) > 0
    ]
    issues.sort(key=lambda issue: -float(str(issue["cost"])))
    score = sum((shares[name] or 0) * weight for name, weight in counted.items()) / total if total else None
    rounded = None if score is None else round(score, 4)
    body: dict[str, Any] = {
        "score": rounded,
        "dimensions": {name: None if share is None else round(share, 4) for name, share in shares.items()},
        "issues": issues[:_MOST_ISSUES],
    }
    if len(issues) > _MOST_ISSUES:
        body["more_issues"] = len(issues) - _MOST_ISSUES
    return rounded, body


def _share(outcomes: list[Outcome]) -> float | None:
    total = sum(each.weight for each in outcomes)
    return sum(each.passed * each.weight for each in outcomes) / total if total else None


def _together(*measures: Measure) -> Measure:
    return lambda record: [outcome for measure in measures for outcome in measure(record)]


def _completeness(required: FieldNames) -> Measure:
    if not required:
        return lambda record: [Outcome(name, "empty", float(_filled(value))) for name, value in _all(record.data)]
    finders = [(name, Finder((name,))) for name in required]
    paths = [(name, path(name)) for name in required]

    def measure(record: Record) -> list[Outcome]:
        found = []
        for (name, find), (_, values) in zip(finders, paths, strict=True):
            there = any(_filled(value) for value in values(record))
            there = there or any(_filled(value) for _, value in find(record.data))
            found.append(Outcome(name, "missing", float(there)))
        return found

    return measure


def _all(data: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Every leaf, and what is an empty list or object."""
    yield from leaves(data)
    yield from ((name, None) for name, value in data.items() if value in ([], {}))


def _filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, [], {})


def _forms(formats: dict[str, Format]) -> Measure:
    if not formats:
        return lambda record: []
    find = Finder(tuple(formats))
    by_name = {name.lower(): form for name, form in formats.items()}

    def measure(record: Record) -> list[Outcome]:
        found = []
        for where, value in find(record.data):
            if not _filled(value):  # completeness has counted it
                continue
            parts = where.lower().split(".")
            name = next(part for part in (where.lower(), *reversed(parts)) if part in by_name)
            form = by_name[name]
            found.append(Outcome(where, form, float(FORMATS[form](value))))
        return found

    return measure


def _rules(rules: tuple[Rule, ...]) -> Measure:
    checks = [
        (rule.check.field, rule.name or f"{rule.check.field} {rule.check.operator}", rule.weight, compiled(rule.check))
        for rule in rules
    ]

    def measure(record: Record) -> list[Outcome]:
        return [
            Outcome(field, name, float(held), weight)
            for field, name, weight, holds in checks
            if (held := holds(record)) is not None
        ]

    return measure


def _timeliness(fresh: tuple[Fresh, ...]) -> Measure:
    times = [(each, path(each.field)) for each in fresh]

    def measure(record: Record) -> list[Outcome]:
        found = []
        for each, values in times:
            for value in values(record):
                then = moment(value)
                if then is None:
                    continue
                age = record.timestamp / 1000 - then
                if age < -each.ahead_seconds:
                    found.append(Outcome(each.field, "in the future", 0.0, each.weight))
                else:
                    passed = min(1.0, max(0.0, 2 - age / each.max_age_seconds))
                    found.append(Outcome(each.field, "too old", passed, each.weight))
        return found

    return measure


def _uniqueness(unique: tuple[Unique, ...]) -> Measure:
    lists = [(each, path(each.field)) for each in unique]

    def measure(record: Record) -> list[Outcome]:
        found = []
        for each, values in lists:
            for value in values(record):
                if isinstance(value, list) and value:
                    keys = {orjson.dumps(_key(item, each.by), option=orjson.OPT_SORT_KEYS) for item in value}
                    found.append(Outcome(each.field, "repeated", len(keys) / len(value), each.weight))
        return found

    return measure


def _key(item: Any, by: str) -> Any:
    return item.get(by) if by and isinstance(item, dict) else item
