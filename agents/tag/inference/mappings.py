"""Which entity of the catalogue the rows tell of, and which property each field holds: suggestions with their reasons.

Three things speak for a suggestion: the name of the field (`Catalogue.match`), the type of its values, and what the
other fields are: a ``name`` beside a VAT number is an organisation's. A name that says one thing and values that are
another (``email`` with numbers in it) weaken each other.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from penstock.agents.tag._infer import named
from penstock.agents.tag._shape import FieldPath
from penstock.agents.tag.inference.fields import PLAIN, Field
from penstock.model.entities import Catalogue
from penstock.model.entity_file import PropertyType

LEAST: Final = 0.5
"""Suggestions that are less likely are not made."""
LEAST_ENTITY: Final = 0.5
"""Evidence for an entity below which there is no primary one."""

_BY_TYPE: Final = 0.6
_OF_PRIMARY: Final = 0.12
_NESTED: Final = 0.7
_CONTRADICTED: Final = 0.3
_UNCONFIRMED: Final = 0.75
_CONFIRMED: Final = 0.05
_BESIDE: Final = 0.9
_CLEAR: Final = 0.9

_FITTING: Final[dict[PropertyType, frozenset[str]]] = {
    "string": frozenset(("string", "country", "language", "currency", "json", "email", "phone", "url", "ip", "mac",
                         "uuid", "hash", "iban", "credit_card", "postal_code", "integer")),
    "text": frozenset(("string", "json")),
    "identifier": frozenset(("string", "integer", "uuid", "hash", "postal_code", "phone", "float", "credit_card",
                             "iban", "email", "url")),
    "email": frozenset(("email", "string")),
    "phone": frozenset(("phone", "integer", "string")),
    "url": frozenset(("url", "string")),
    "ip": frozenset(("ip", "string")),
    "mac": frozenset(("mac", "string")),
    "uuid": frozenset(("uuid", "string")),
    "hash": frozenset(("hash", "string")),
    "iban": frozenset(("iban", "string")),
    "credit_card": frozenset(("credit_card", "string", "integer")),
    "date": frozenset(("date", "datetime", "timestamp", "string", "integer")),
    "datetime": frozenset(("datetime", "date", "timestamp", "string")),
    "country": frozenset(("country", "string")),
    "postal_code": frozenset(("postal_code", "string", "integer")),
    "language": frozenset(("language", "string")),
    "currency": frozenset(("currency", "string")),
    "latitude": frozenset(("latitude", "float", "integer")),
    "longitude": frozenset(("longitude", "float", "integer")),
    "number": frozenset(("integer", "float", "currency")),
    "boolean": frozenset(("boolean", "integer")),
}  # fmt: skip
_TELLING: Final = frozenset(("email", "phone", "ip", "mac", "iban", "credit_card", "latitude", "longitude", "hash",
                             "url", "country", "language", "currency", "postal_code"))  # fmt: skip
"""Types of which a property can be suggested although the name says nothing."""

_CONFIRMABLE: Final = _TELLING | {"date", "datetime", "uuid"}
"""Types that values of their own would have shown."""


class Suggestion(NamedTuple):
    """A property that a field may hold, with how likely that is and why."""

    source_field: str
    canonical_entity: str
    canonical_property: str
    confidence: float
    reasoning: str


class _Candidate(NamedTuple):
    entity: str
    property: str
    score: float
    reason: str


def suggest(fields: Sequence[Field], catalogue: Catalogue) -> tuple[list[Suggestion], str | None]:
    """The best suggestion for each field that has one, in the order of the fields, and the primary entity."""
    candidates = {one.path: list(_candidates(one, catalogue)) for one in fields if one.type not in ("array", "object")}
    _look_beside(candidates, catalogue)
    primary = _primary(candidates, catalogue)
    found = []
    for one in fields:
        best = max(candidates.get(one.path, ()), key=lambda each: _weighed(each, primary), default=None)
        if best is not None and best.score >= LEAST:
            found.append(Suggestion(one.name, best.entity, best.property, round(min(best.score, 0.99), 2), best.reason))
    return found, primary


def read_name(path: FieldPath) -> str:
    """The name of a field as the catalogue reads it: its last parts, without dots at their ends (``Hausnr.``)."""
    return ".".join(part.strip(". ") for part in named(path)[-3:])


def _look_beside(candidates: dict[FieldPath, list[_Candidate]], catalogue: Catalogue) -> None:
    """Put in place what a field holds because of another one in the same object."""
    objects: dict[FieldPath, dict[str, FieldPath]] = {}
    for path in candidates:
        objects.setdefault(path[:-1], {})[read_name(path[-1:])] = path
    for fields in objects.values():
        for entity in catalogue.entities:
            held = {
                name: one.property
                for name, path in fields.items()
                if (one := max(_of(entity, candidates[path]), key=lambda each: each.score, default=None))
                and one.score >= LEAST
            }
            for name, title in catalogue.beside(entity, held, fields).items():
                some = candidates[fields[name]]
                score = max((one.score for one in some), default=0.0)
                reason = f"Field name means {title} beside the others of the record"
                some[:] = [one for one in some if one.entity != entity]
                some.append(_Candidate(entity, title, max(score, _BESIDE), reason))


def _of(entity: str, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    return [one for one in candidates if one.entity == entity]


def _weighed(candidate: _Candidate, primary: str | None) -> float:
    return candidate.score + (_OF_PRIMARY if candidate.entity == primary else 0.0)


def _primary(candidates: dict[tuple[str | int, ...], list[_Candidate]], catalogue: Catalogue) -> str | None:
    """The entity for which most speaks: every property once, by the weight that the catalogue gives it.

    What stands in an object of the record counts less, unless the object is called as the entity and the record has
    more of it: a time beside ``event`` is the event's.
    """
    scores: dict[str, dict[str, float]] = {name: {} for name in catalogue.entities}
    outer = {one.entity for path, some in candidates.items() if len(path) == 1 for one in some if one.score >= _CLEAR}
    for path, some in candidates.items():
        best = max((one.score for one in some), default=0.0)
        top = [one for one in some if one.score >= best - 0.02 and one.score >= LEAST]
        for one in top:
            weight = catalogue.entities[one.entity].properties[one.property].weight
            inside = 0 if one.entity in outer and one.entity in catalogue.entities_called(str(path[0])) else 1
            score = one.score * weight / len(top) ** 0.5 * _NESTED ** ((len(named(path)) - 1) * inside)
            scores[one.entity][one.property] = max(score, scores[one.entity].get(one.property, 0.0))
    totals = {name: sum(found.values()) for name, found in scores.items()}
    primary = max(totals, key=lambda name: totals[name])
    return primary if totals[primary] >= LEAST_ENTITY else None


def _candidates(field: Field, catalogue: Catalogue) -> Iterator[_Candidate]:
    matches = catalogue.match(read_name(field.path))
    for match in matches:
        wanted = catalogue.entities[match.entity].properties[match.property].type
        told = _direct(match.score)
        if field.type == wanted and wanted not in PLAIN:
            score = min(match.score + _CONFIRMED, 1.0)
            yield _Candidate(match.entity, match.property, score, f"{told}; the values are of type {field.type}")
        elif field.type == "string" and field.count and wanted in _CONFIRMABLE:
            reason = f"{told}, although no value is of type {wanted}"
            yield _Candidate(match.entity, match.property, match.score * _UNCONFIRMED, reason)
        elif field.type in _FITTING[wanted] or not field.count:
            yield _Candidate(match.entity, match.property, match.score, told)
        else:
            reason = f"{told}, although the values are of type {field.type}"
            yield _Candidate(match.entity, match.property, match.score * _CONTRADICTED, reason)
    if field.type in _TELLING and field.format != "amount":
        taken = {match[:2] for match in matches}
        for entity, title in _of_type(field, catalogue):
            if (entity, title) not in taken:
                reason = f"The values are of type {field.type}; the name says nothing of it"
                yield _Candidate(entity, title, _BY_TYPE * field.confidence, reason)


def _direct(score: float) -> str:
    if score >= 1.0:
        return "Direct field name match"
    if score >= 0.95:
        return "Field name is a known synonym"
    if score >= 0.8:
        return "Field name matches by its words"
    return "Part of the field name matches"


def _of_type(field: Field, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """The first property of each entity that is of the field's type."""
    for name, entity in catalogue.entities.items():
        for title, prop in entity.properties.items():
            wanted = field.format if field.type == "hash" and field.format in entity.properties else title
            if prop.type == field.type and title == wanted:
                yield name, title
                break
