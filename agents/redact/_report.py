"""A report on what is personal in sample rows: rows in, report out, in the shape of ``POST /etl/pii-scan``.

Whether a data protection impact assessment is needed follows the GDPR, article 35, and the guidelines on it (WP 248,
rev. 01): special categories or offences processed at all, personal data on a large scale, and data sets combined so
that they single a person out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.agents.redact._detect import Detect, Entity
from penstock.agents.redact._recognizer import NAMED, RECOGNIZERS, Recognizer, load
from penstock.agents.redact.redact import DEFAULT_POLICY, Config, detector
from penstock.agents.redact.strategies import mask
from penstock.model.record import Data

LARGE_SCALE: Final = 100_000
"""Rows from which on personal data are processed on a large scale."""
COMBINATION: Final = 3
"""Kinds of data about a person that, together in one row, single out who it is."""

_SEVERITIES: Final = ("low", "medium", "high", "critical")
_QUASI: Final = frozenset(
    ("age", "coordinates", "date_of_birth", "ethnicity", "ip", "person_name", "postal_code", "street_address")
)
_SECRETS: Final = frozenset(("api_key", "jwt", "password", "private_key", "url_credentials"))
_FRAME: Final = 500
_LENGTH: Final = 60


@dataclass(slots=True)
class _Match:
    """What is known of one category in one field."""

    count: int = 0
    confidence: float = 0.0
    named: bool = False
    sample: str = ""
    rows: set[int] = field(default_factory=set)


def scan(rows: Sequence[Data], *, config: Config | None = None, total_rows: int | None = None) -> dict[str, Any]:
    """Report on `rows`.

    Parameters
    ----------
    rows
        JSON objects.
    config
        What to look for; every category where absent.
    total_rows
        Of how many rows these are the sample; as many as there are, where absent.

    Returns
    -------
    dict
        ``pii_matches`` (category, severity, field_name, sample_value with what is personal masked, match_count,
        confidence, recommended_strategy, reasoning), ``overall_risk``, ``summary``, ``requires_dpia`` and
        ``dpia_reasons`` (rule, reason). JSON values only.
    """
    config = config or Config(categories=tuple(RECOGNIZERS.modules))
    known = {name: load(name, config.field_names.get(name), config.regions) for name in RECOGNIZERS.modules}
    matches = _matches(rows, detector(config), known)
    listed = [_listed(field_name, known[category], match) for (field_name, category), match in matches.items()]
    listed.sort(key=lambda item: (-_SEVERITIES.index(item["severity"]), item["field_name"], item["category"]))
    risk = _risk([known[category] for _, category in matches])
    reasons = _dpia(matches, known, len(rows) if total_rows is None else total_rows)
    fields = len({item["field_name"] for item in listed})
    return {
        "pii_matches": listed,
        "overall_risk": risk,
        "summary": f"Detected {fields} PII field(s) with {risk} risk" if listed else "Detected no PII",
        "requires_dpia": bool(reasons),
        "dpia_reasons": reasons,
    }


def _matches(rows: Sequence[Data], detect: Detect, known: dict[str, Recognizer]) -> dict[tuple[str, str], _Match]:
    """(field, category) -> what was found, items of lists under the list's own name."""
    matches: dict[tuple[str, str], _Match] = defaultdict(_Match)
    for start in range(0, len(rows), _FRAME):
        for number, entities in enumerate(detect(rows[start : start + _FRAME]), start):
            personal = {entity.field: entity.category for entity in entities if entity.in_name}
            for entity in entities:
                name = _field(rows[number], entity.field, personal)
                match = matches[name, entity.category]
                match.count += 1
                match.rows.add(number)
                match.named |= known[entity.category].names_field(name.rpartition(".")[2])
                match.confidence = max(match.confidence, entity.confidence)
                value = None if match.sample or entity.in_name else _value(rows[number], entity.field)
                if isinstance(value, str | int | float):
                    match.sample = _masked(str(value), entity, known[entity.category])
    return matches


def _field(row: Data, path: str, personal: dict[str, str]) -> str:
    """The path without indexes, and with its category for a name that is personal itself."""
    parts, where = [], ""
    for key in _keys(row, path):
        where = f"{where}.{key}" if where else str(key)
        if isinstance(key, str):
            parts.append(f"[{personal[where]}]" if where in personal else key)
    return ".".join(parts)


def _value(row: Data, path: str) -> Any:
    """The value at a dotted path."""
    value: Any = row
    for key in _keys(row, path):
        value = value[key]
    return value


def _keys(value: Any, path: str) -> list[str | int]:
    """The names and indexes that a dotted path is made of; names may hold dots themselves."""
    return next(_ways(value, path))


def _ways(value: Any, path: str) -> Iterator[list[str | int]]:
    """Every way to read a path."""
    if not path:
        yield []
    elif isinstance(value, list):
        index, _, rest = path.partition(".")
        if index.isdigit() and int(index) < len(value):
            yield from ([int(index), *way] for way in _ways(value[int(index)], rest))
    elif isinstance(value, dict):
        for name in value:
            if path == name or path.startswith(f"{name}."):
                yield from ([name, *way] for way in _ways(value[name], path[len(name) + 1 :]))


def _masked(text: str, entity: Entity, recognizer: Recognizer) -> str:
    """The match alone, masked: what stands around it may be personal in other ways."""
    return mask.build(recognizer, None)(text[entity.start : entity.end])[:_LENGTH]


def _listed(field_name: str, recognizer: Recognizer, match: _Match) -> dict[str, Any]:
    category = recognizer.category
    said = f"Field name '{field_name}' indicates {category}" if match.named else f"Values match the form of {category}"
    return {
        "category": category,
        "severity": recognizer.severity,
        "field_name": field_name,
        "sample_value": match.sample,
        "match_count": match.count,
        "confidence": round(max(match.confidence, NAMED if match.named else 0.0), 3),
        "recommended_strategy": DEFAULT_POLICY.get(category, "mask"),
        "reasoning": f"{said}; found in {len(match.rows)} row(s)",
    }


def _risk(found: Sequence[Recognizer]) -> str:
    """The worst severity; several high ones are critical together."""
    if not found:
        return "none"
    worst = max(_SEVERITIES.index(item.severity) for item in found)
    high = {item.category for item in found if item.severity == "high"}
    return "critical" if len(high) >= COMBINATION else _SEVERITIES[worst]


def _dpia(
    matches: dict[tuple[str, str], _Match], known: dict[str, Recognizer], total_rows: int
) -> list[dict[str, str]]:
    """The rules by which an assessment is needed, each with what meets it."""
    reasons = []
    found = sorted({category for _, category in matches})
    special = [name for name in found if getattr(RECOGNIZERS.load(name), "SPECIAL", False) or name == "medical_record"]
    if special:
        reasons.append(
            {
                "rule": "special_categories",
                "reason": f"Special categories of personal data (GDPR art. 35(3)(b), art. 9): {', '.join(special)}",
            }
        )
    personal = [name for name in found if name not in _SECRETS]
    if personal and total_rows >= LARGE_SCALE:
        reasons.append(
            {
                "rule": "large_scale",
                "reason": f"Personal data on a large scale (GDPR art. 35, recital 91): {total_rows:,} rows, "
                f"{LARGE_SCALE:,} and more count as such",
            }
        )
    together = _together(matches, known)
    if together:
        reasons.append(
            {
                "rule": "combination",
                "reason": f"Data sets combined that single out a person (WP 248, criterion 6): {', '.join(together)}",
            }
        )
    return reasons


def _together(matches: dict[tuple[str, str], _Match], known: dict[str, Recognizer]) -> list[str]:
    """The kinds of data of the row that has most of them, if it has enough and an identifier that is critical."""
    rows: dict[int, Counter[str]] = defaultdict(Counter)
    for (_, category), match in matches.items():
        if category not in _SECRETS:
            for row in match.rows:
                rows[row][category] += 1
    most = max(rows.values(), key=len, default=Counter())
    identifies = any(known[name].severity in ("critical", "high") for name in most)
    several = len(most) >= COMBINATION and (identifies or len(_QUASI & most.keys()) >= COMBINATION)
    return sorted(most) if several else []
