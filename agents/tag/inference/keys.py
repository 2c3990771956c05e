"""Which fields identify a row, guessed from the sample."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from penstock.agents.tag.inference.fields import Field
from penstock.model.record import Data
from penstock.model.vocabulary import words

_IDENTIFYING: Final = frozenset(("id", "uid", "uuid", "guid", "key", "pk", "oid", "rowid", "ident", "identifier"))
_NUMBERING: Final = frozenset(("nr", "no", "number", "nummer", "num", "numero", "code", "sku", "isbn", "ean", "vin",
                               "imei", "reference", "ref", "matricule", "dni"))  # fmt: skip
_NOT_KEYS: Final = frozenset(("float", "boolean", "date", "datetime", "timestamp", "json", "array", "object",
                              "latitude", "longitude", "country", "language", "currency", "postal_code", "phone",
                              "ip", "url"))  # fmt: skip
_LEAST_ROWS: Final = 2


def primary_key(
    rows: Sequence[Data], fields: Sequence[Field], identifying: Mapping[str, int] | None = None
) -> list[str] | None:
    """The field whose name and values identify rows, or two fields that do together; None where nothing does.

    Parameters
    ----------
    rows, fields
    identifying
        Fields that hold what identifies the entity of the rows, by name: 0 is the best.
    """
    ranks = identifying or {}
    if len(rows) < _LEAST_ROWS:
        return _by_name(fields)
    usable = [one for one in fields if len(one.path) == 1 and not one.nullable and one.type not in _NOT_KEYS]
    single = [
        (_score(one, place, ranks.get(one.name)), one) for place, one in enumerate(usable) if one.distinct == len(rows)
    ]
    best = max(single, key=lambda found: found[0], default=None)
    if best is not None and best[0] > 0:
        return [best[1].name]
    for pair in combinations([one for one in usable if _names_key(one)], 2):
        if len({_values(row, pair) for row in rows}) == len(rows):
            return [one.name for one in pair]
    return None


def _by_name(fields: Sequence[Field]) -> list[str] | None:
    """Of a single row only the name can tell."""
    return next(([one.name] for one in fields if len(one.path) == 1 and words(str(one.path[0])) == ["id"]), None)


def _score(field: Field, place: int, rank: int | None) -> float:
    """How much speaks for a field of unique values; nothing for one that only happens to be unique."""
    named = words(str(field.path[0]))
    if not named:
        return 0.0
    score = 0.0
    if named[-1] in _IDENTIFYING or named[0] in _IDENTIFYING:
        score = 3.0 if len(named) == 1 else 2.0
    elif set(named) & _NUMBERING or field.type == "uuid":
        score = 1.5
    elif field.type in ("email", "iban", "hash"):
        score = 0.5
    if rank is not None:
        score = max(score, 1.6 - 0.1 * rank)
    return max(score - 0.1 * place, 0.1) if score else 0.0


def _names_key(field: Field) -> bool:
    named = words(str(field.path[0]))
    return bool(set(named) & (_IDENTIFYING | _NUMBERING))


def _values(row: Data, pair: Sequence[Field]) -> tuple[Any, ...]:
    return tuple(row.get(str(one.path[0])) for one in pair)
