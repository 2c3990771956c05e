"""How entities and relations are read from a record: compiled once, from a configuration or from a guess."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from penstock.agents.tag._path import get
from penstock.model.record import Data, Record


class Field(NamedTuple):
    """Where a value stands.

    Attributes
    ----------
    parts : tuple of str
        From the record, or from an item of the list at `each`.
    each : tuple of str or None
        The list whose items are looked at one by one.
    """

    parts: tuple[str, ...]
    each: tuple[str, ...] | None = None

    def read(self, data: Data, item: Any) -> Any:
        return get(data if self.each is None else item, self.parts)


@dataclass(frozen=True, slots=True)
class EntityMapping:
    """How one entity, or one for each item of a list, is read.

    Attributes
    ----------
    name : str
        What relations call it.
    type : str
    keys : tuple
        Ways to make its key, the best first; each takes several fields, all of which must hold something.
    properties : tuple of (name, field)
    when : Field or None
        Must hold something.
    each : tuple of str or None
        The list whose items are entities.
    otherwise : str or None
        Appended to the record's id, its ``*`` the item's position, where no key can be made but properties are there;
        None leaves such an entity out.
    """

    name: str
    type: str
    keys: tuple[tuple[Field, ...], ...]
    properties: tuple[tuple[str, Field], ...] = ()
    when: Field | None = None
    each: tuple[str, ...] | None = None
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class RelationMapping:
    """A relation between entities, by the names of their mappings."""

    type: str
    source: str
    target: str
    properties: tuple[tuple[str, Field], ...] = ()


class _Found(NamedTuple):
    reference: dict[str, str]
    position: int
    item: Any


@dataclass(frozen=True, slots=True)
class Mapping:
    """Everything that is read from records of one kind.

    Attributes
    ----------
    entities : tuple of EntityMapping
    relations : tuple of RelationMapping
    noted : tuple of str
        Groups of enrichments that paths lead to: ``enrichments.ocr.…`` is what the stage before this one noted.
    """

    entities: tuple[EntityMapping, ...]
    relations: tuple[RelationMapping, ...]
    noted: tuple[str, ...] = ()

    def read(self, record: Record) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The entities and relations of a record, each entity once."""
        data = record.data
        if self.noted:
            data = {**data, "enrichments": {group: record.note(f"enrichments.{group}") for group in self.noted}}
        entities: dict[tuple[str, str], dict[str, Any]] = {}
        found: dict[str, list[_Found]] = {}
        for mapping in self.entities:
            found[mapping.name] = list(_instances(mapping, record.id, data, entities))
        relations: list[dict[str, Any]] = []
        for relation in self.relations:
            ends = found[relation.source], found[relation.target]
            relations += _relations(relation, *ends, self._paired(relation), data)
        return list(entities.values()), _distinct(relations)

    def _paired(self, mapping: RelationMapping) -> bool:
        """Whether both ends are items of one list: then they relate within the item, not each to all."""
        ends = {entity.name: entity.each for entity in self.entities}
        return ends[mapping.source] is not None and ends[mapping.source] == ends[mapping.target]


def _instances(
    mapping: EntityMapping, id: str, data: Data, entities: dict[tuple[str, str], dict[str, Any]]
) -> Iterator[_Found]:
    """The entities that a mapping finds; an entity found again only adds what was missing."""
    items = [None] if mapping.each is None else get(data, mapping.each)
    for position, item in enumerate(items if isinstance(items, list) else ()):
        if mapping.when is not None and mapping.when.read(data, item) is None:
            continue
        key = _key(mapping, data, item)
        values = _values(mapping.properties, data, item)
        if key is None and mapping.otherwise is not None and values:
            key = id + mapping.otherwise.replace("*", str(position))
        if key is None:
            continue
        entity = entities.setdefault((mapping.type, key), {"type": mapping.type, "key": key, "properties": {}})
        entity["properties"] = {**values, **entity["properties"]}
        yield _Found({"type": mapping.type, "key": key}, position, item)


def _relations(
    mapping: RelationMapping, sources: list[_Found], targets: list[_Found], paired: bool, data: Data
) -> Iterator[dict[str, Any]]:
    for source in sources:
        for target in targets:
            if paired and source.position != target.position:
                continue
            item = source.item if target.item is None else target.item
            yield {
                "type": mapping.type,
                "from": source.reference,
                "to": target.reference,
                "properties": _values(mapping.properties, data, item),
            }


def _distinct(relations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({orjson.dumps(relation): relation for relation in relations}.values())


def _values(properties: Sequence[tuple[str, Field]], data: Data, item: Any) -> dict[str, Any]:
    found = ((name, field.read(data, item)) for name, field in properties)
    return {name: value for name, value in found if value is not None}


def _key(mapping: EntityMapping, data: Data, item: Any) -> str | None:
    for fields in mapping.keys:
        parts = [_text(field.read(data, item)) for field in fields]
        if all(parts):
            return parts[0] if len(parts) == 1 else "|".join(map(_escaped, parts))
    return None


def _text(value: Any) -> str:
    """A scalar as the part of a key; empty where there is nothing to identify by."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, (int, float)) else ""


def _escaped(part: str) -> str:
    # so that ("a|b", "c") and ("a", "b|c") are two keys
    return part.replace("\\", "\\\\").replace("|", "\\|")
