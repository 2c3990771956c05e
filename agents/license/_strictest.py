"""What holds for a record that is made of others: the strictest of what holds for each of them.

The unit is the note ``license`` of a record (see `penstock.agents.license.license`). All licenses hold at once (AND),
the worst decision counts, duties, attributions and share-alike licenses add up, the earliest end counts, and regions
and purposes are those that all of them have in common; where none is left, nothing may be done with the record.

>>> strictest([{"id": "MIT", "decision": "allow", "duties": ["attribution"]},
...            {"id": "CC0-1.0", "decision": "allow", "duties": [], "regions": ["EU"]}])
{'id': 'CC0-1.0 AND MIT', 'decision': 'allow', 'duties': ['attribution'], 'regions': ['EU']}

The order in which records are joined plays no part, nor does joining one twice; a note alone comes back in the one
form that it is written in.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Final

from penstock.agents.license._expression import UNSTATED, License, all_of, parse
from penstock.model.license import common_regions, normal_regions

Note = Mapping[str, Any]
"""A record's note ``license``."""

WORSE: Final = {"allow": 0, "quarantine": 1, "deny": 2}
_UNLICENSED: Final[Note] = {"id": None, "decision": "quarantine", "duties": []}


def strictest(notes: Iterable[Note | None]) -> dict[str, Any]:
    """The note of a record that is made of records with these notes.

    Parameters
    ----------
    notes
        At least one. None stands for a record that nobody looked at: one with an unknown license, to be set aside.

    Raises
    ------
    ValueError
        There are none, or a note holds what is no license expression.
    """
    normal = [_normal(_UNLICENSED if note is None else note) for note in notes]
    if not normal:
        raise ValueError("a record is made of at least one other")
    return reduce(_join, normal)


def _normal(note: Note) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": _written(note["id"]),
        "decision": note["decision"],
        "duties": sorted(set(note["duties"])),
    }
    found |= {name: sorted(set(note[name])) for name in ("attribution", "share_alike") if note.get(name)}
    if note.get("valid_until"):
        found["valid_until"] = note["valid_until"]
    if note.get("regions") is not None:
        found["regions"] = list(normal_regions(note["regions"]))
    if note.get("purposes") is not None:
        found["purposes"] = sorted(set(note["purposes"]))
    return _denied_where_nothing_is_left(found)


def _join(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    joined: dict[str, Any] = {
        "id": _written(one["id"], other["id"]),
        "decision": max(one["decision"], other["decision"], key=WORSE.__getitem__),
        "duties": sorted({*one["duties"], *other["duties"]}),
    }
    for name in ("attribution", "share_alike"):
        if found := sorted({*one.get(name, ()), *other.get(name, ())}):
            joined[name] = found
    if ends := [note["valid_until"] for note in (one, other) if "valid_until" in note]:
        joined["valid_until"] = min(ends)  # ISO 8601: the earliest is the least
    for name in ("regions", "purposes"):
        limits = [note[name] for note in (one, other) if name in note]
        if len(limits) == 2:
            joined[name] = list(common_regions(*limits)) if name == "regions" else sorted({*limits[0]} & {*limits[1]})
        elif limits:
            joined[name] = limits[0]
    return _denied_where_nothing_is_left(joined)


def _denied_where_nothing_is_left(note: dict[str, Any]) -> dict[str, Any]:
    if [] in (note.get("regions"), note.get("purposes")):
        note["decision"] = "deny"
    return note


def _written(*ids: str | None) -> str | None:
    """The ids as one expression; None where nobody named any."""
    joined = all_of(parse(id or UNSTATED) for id in ids)
    return None if isinstance(joined, License) and joined.id == UNSTATED else str(joined)
