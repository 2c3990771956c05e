"""Entities and relations of a shape, guessed from its field names by the catalogue; values are not looked at.

Each object of a record is looked at by itself. It is an entity where its fields (or the name that it stands under,
such as ``customer``) speak for one, and it is related to the object around it where the catalogue knows a relation
by that name (``employer``). A relation is never guessed from two things merely standing in one record.
"""

from penstock.agents.tag._infer import text
from penstock.agents.tag._mapping import EntityMapping, Field, Mapping, RelationMapping
from penstock.agents.tag._shape import ITEM, FieldPath, Shape
from penstock.model.entities import MINIMUM, MOST_FIELDS, Catalogue, Kind, Match

_SURE = 0.9  # a property is taken where its name says so without an unknown prefix


def guess(shape: Shape, catalogue: Catalogue) -> Mapping:
    """What to read from records of this shape; the same for every record of it."""
    found: dict[FieldPath, EntityMapping] = {}
    relations: list[RelationMapping] = []
    for at, fields in _objects(shape).items():
        mapping = _entity(at, fields, catalogue)
        if mapping is None:
            continue
        found[at] = mapping
        around = _around(at, found)
        if around is not None:
            relations += [
                RelationMapping(relation.type, around.name, mapping.name)
                for relation in catalogue.relations_called(_called(at))
                if (relation.source, relation.target) == (around.type, mapping.type)
            ]
    return Mapping(tuple(found.values()), tuple(relations))


def _objects(shape: Shape) -> dict[FieldPath, dict[str, Kind]]:
    """The objects of a shape, outer ones first, each with its scalar fields of one type; at most one list deep."""
    objects = [(), *(path for path, kinds in shape.fields.items() if "object" in kinds and path.count(ITEM) <= 1)]
    found: dict[FieldPath, dict[str, Kind]] = {at: {} for at in sorted(objects, key=lambda at: (len(at), text(at)))}
    for path, kinds in shape.leaves.items():
        kind = next(iter(kinds))
        name = path[-1]
        if len(kinds) == 1 and kind not in ("object", "array") and isinstance(name, str) and path[:-1] in found:
            found[path[:-1]][name] = kind
    return found


def _entity(at: FieldPath, fields: dict[str, Kind], catalogue: Catalogue) -> EntityMapping | None:
    if not fields or len(fields) > MOST_FIELDS:  # no field, or a table by key
        return None
    called = catalogue.entities_called(_called(at))
    prefix = f"{_called(at)}." if called else ""
    scores = dict.fromkeys(catalogue.entities, 0.0)
    scores.update(catalogue.rank({(prefix + name,): kind for name, kind in fields.items()}))
    for entity in called:
        scores[entity] += MINIMUM
    best = max(scores, key=lambda entity: scores[entity])
    if scores[best] < MINIMUM:
        return None
    base, each = _split(at)
    properties: dict[str, tuple[float, str]] = {}
    for name in sorted(fields):
        match = _match(prefix + name, fields[name], best, catalogue)
        if match is not None and match.score > properties.get(match.property, (0.0, ""))[0]:
            properties[match.property] = (match.score, name)
    beside = catalogue.beside(best, {name: title for title, (_, name) in properties.items()})
    properties = {beside.get(name, title): (score, name) for title, (score, name) in properties.items()}
    places = {title: Field((*base, name), each) for title, (_, name) in properties.items()}
    return EntityMapping(
        name=text(at),
        type=best,
        keys=tuple((places[title],) for title in catalogue.entities[best].key if title in places),
        properties=tuple((title, places[title]) for title in catalogue.entities[best].properties if title in places),
        each=each,
        otherwise=f"#{text(at)}" if at else "",
    )


def _match(name: str, kind: Kind, entity: str, catalogue: Catalogue) -> Match | None:
    """The property of `entity` that a field holds; none where it is more likely another entity's."""
    matches = catalogue.match(name)
    least = max(_SURE, matches[0].score) if matches else _SURE
    likely = (match for match in matches if match.entity == entity and match.score >= least)
    return next((match for match in likely if catalogue.fits(match, kind)), None)


def _split(at: FieldPath) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """The path from the record, or from an item of a list, and that list's."""
    names = tuple(str(part) for part in at)
    if ITEM not in at:
        return names, None
    where = at.index(ITEM)
    return names[where + 1 :], names[:where]


def _called(at: FieldPath) -> str:
    """The name that an object stands under; empty for the record itself."""
    return next((part for part in reversed(at) if isinstance(part, str)), "")


def _around(at: FieldPath, found: dict[FieldPath, EntityMapping]) -> EntityMapping | None:
    """The entity that the object stands in directly."""
    outer = at[:-1]
    while outer and outer[-1] == ITEM:
        outer = outer[:-1]
    outer = outer[:-1] if at and at[-1] == ITEM else outer
    return found.get(outer) if at else None
