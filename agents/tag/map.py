"""map: the entities that a record tells of and how they relate, for graphs.

Notes ``entities`` and ``relations``, as the file says which fields make which entity:

>>> notes = run("map", {"user": {"email": "ada@example.com"}, "ticket": 7},
...     entities=[{"type": "Person", "key": "user.email", "properties": {"email": "user.email"}},
...               {"type": "Ticket", "key": "ticket"}],
...     relations=[{"type": "OPENED", "from": "Person", "to": "Ticket"}])
>>> notes["entities"][0]
{'type': 'Person', 'key': 'ada@example.com', 'properties': {'email': 'ada@example.com'}}
>>> notes["relations"][0]["from"], notes["relations"][0]["to"]
({'type': 'Person', 'key': 'ada@example.com'}, {'type': 'Ticket', 'key': '7'})

Without entities in the file they are guessed from the names of fields:

>>> run("map", {"customer": {"nom_de_famille": "Lovelace", "tel_nr": "+44 20 7946 0000"}})["entities"]
[{'type': 'Person', 'key': '+44 20 7946 0000', 'properties': {'last_name': 'Lovelace', 'phone': '+44 20 7946 0000'}}]

A path takes one ``*``, for the items of a list: ``key: items.*.sku`` gives an entity an item. The path
``enrichments.ocr.image_url_ocr.text`` leads to what a stage before this one noted. A value keeps its type; a key is
text. An entity without a key is left out (a guessed one takes the record's id), with the relations to it.
"""

from typing import Annotated, Self

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from penstock.agents.tag import _mapping
from penstock.agents.tag._guess import guess
from penstock.agents.tag._mapping import Mapping
from penstock.agents.tag._shape import ByShape
from penstock.model.component import Apply, ComponentConfig, StageConfig
from penstock.model.entities import Catalogue, built_in
from penstock.model.record import Record
from penstock.model.verdict import KEEP, Keep, Verdict

ADDS_TEXT = True


def _checked(path: str) -> str:
    parts = path.split(".")
    if "" in parts:
        raise ValueError("a path has no empty parts")
    if parts.count("*") > 1 or parts[0] == "*":
        raise ValueError("a path has at most one *, behind the name of a list")
    return path


Path = Annotated[str, AfterValidator(_checked)]
Label = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]


class EntityConfig(ComponentConfig):
    """An entity."""

    type: Label = Field(description="Its type, such as Person.")
    name: str | None = Field(None, alias="as", description="What relations call it; its type where absent.")
    key: Annotated[list[Path], BeforeValidator(lambda key: [key] if isinstance(key, str) else key)] = Field(
        min_length=1, description="The field, or fields, that identify it; without one of them it is left out."
    )
    properties: dict[str, Path] = Field({}, description="Fields by the name of the property.")
    when: Path | None = Field(None, description="A field that must be there.")

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        paths = [*self.key, *self.properties.values(), *([self.when] if self.when else [])]
        if len({_each(path) for path in paths} - {None}) > 1:
            raise ValueError("all paths with a * must go through the same list")
        return self

    @property
    def each(self) -> tuple[str, ...] | None:
        """The list whose items are entities."""
        paths = [*self.key, *self.properties.values(), *([self.when] if self.when else [])]
        return next((each for path in paths if (each := _each(path)) is not None), None)


class RelationConfig(ComponentConfig):
    """A relation."""

    type: Label = Field(description="Its type, such as OPENED.")
    source: str = Field(alias="from", description="The entity that it starts at: its `as`, or its type.")
    target: str = Field(alias="to", description="The entity that it leads to, likewise.")
    properties: dict[str, Path] = Field({}, description="Fields by the name of the property.")


class Config(StageConfig):
    """Options of `map`."""

    entities: list[EntityConfig] = Field([], description="What to read; guessed where absent.")
    relations: list[RelationConfig] = Field([], description="Between the entities above.")
    catalogue: str | None = Field(None, description="A YAML file that is merged over the catalogue of entities.")
    max_shapes: int = Field(2048, ge=1, description="Guesses that are remembered; others are made anew.")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        names = [entity.name or entity.type for entity in self.entities]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands here twice: give one of them another name with `as:`")
        lists = {entity.name or entity.type: entity.each for entity in self.entities}
        for relation in self.relations:
            for end in (relation.source, relation.target):
                if end not in lists:
                    raise ValueError(f"relation {relation.type}: no entity here is called {end}")
            items = {lists[relation.target] or lists[relation.source]}
            if {_each(path) for path in relation.properties.values()} - {None} - items:
                raise ValueError(f"relation {relation.type}: a * must go through the list of its entities")
        return self


def build(config: Config) -> Apply:
    """Raises ConfigurationError: the catalogue's file."""
    if config.entities:
        configured = _compile(config)
        return lambda record: _note(configured, record)
    catalogue = Catalogue.load(config.catalogue) if config.catalogue else built_in()
    # by the shape of the data as it is here: stages behind `tag` may have changed it
    guesses = ByShape(lambda shape: guess(shape, catalogue), config.max_shapes)
    return lambda record: _note(guesses(record), record)


def _note(mapping: Mapping, record: Record) -> Verdict:
    entities, relations = mapping.read(record)
    if not entities:
        return KEEP
    # encoded here, so that data nested too deep for it makes a dead letter of its record
    return Keep(
        notes={
            "entities": orjson.dumps([*(record.note("entities") or ()), *entities]),
            "relations": orjson.dumps([*(record.note("relations") or ()), *relations]),
        }
    )


def _compile(config: Config) -> Mapping:
    entities = tuple(
        _mapping.EntityMapping(
            name=entity.name or entity.type,
            type=entity.type,
            keys=(tuple(_field(path) for path in entity.key),),
            properties=tuple((name, _field(path)) for name, path in entity.properties.items()),
            when=_field(entity.when) if entity.when else None,
            each=entity.each,
        )
        for entity in config.entities
    )
    relations = tuple(
        _mapping.RelationMapping(
            relation.type,
            relation.source,
            relation.target,
            tuple((name, _field(path)) for name, path in relation.properties.items()),
        )
        for relation in config.relations
    )
    return Mapping(entities, relations, _noted(config))


def _noted(config: Config) -> tuple[str, ...]:
    """The groups of enrichments that the paths of a configuration lead to."""
    paths = [path for relation in config.relations for path in relation.properties.values()]
    for entity in config.entities:
        paths += [*entity.key, *entity.properties.values(), *([entity.when] if entity.when else [])]
    parts = [path.split(".") for path in paths]
    return tuple(sorted({names[1] for names in parts if names[0] == "enrichments" and len(names) > 2}))


def _each(path: str) -> tuple[str, ...] | None:
    return _field(path).each


def _field(path: str) -> _mapping.Field:
    parts = tuple(path.split("."))
    if "*" not in parts:
        return _mapping.Field(parts)
    where = parts.index("*")
    return _mapping.Field(parts[where + 1 :], parts[:where])
