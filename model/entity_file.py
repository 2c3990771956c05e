"""What a catalogue of entities says (``entities.yml``, and files of users in its form), and reading one."""

from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.model.errors import ConfigurationError

Kind = Literal["string", "number", "boolean", "object", "array", "null"]
"""The types of JSON (RFC 8259, section 3); it knows one type of numbers."""

PropertyType = Literal[
    "string", "text", "identifier", "email", "phone", "url", "ip", "mac", "uuid", "hash", "iban", "credit_card",
    "date", "datetime", "country", "postal_code", "language", "currency", "latitude", "longitude", "number", "boolean",
]  # fmt: skip

BUILT_IN: Final = Path(__file__).with_name("entities.yml")
# ten times as fast, where libyaml is there, but less exact about the line of a fault: for our own file only
_FAST: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Property(_Part):
    """A property of an entity."""

    type: PropertyType = Field("string", description="What its values are.")
    synonyms: list[str] = Field([], description="Other names of fields that hold it.")
    weight: float = Field(1.0, ge=0, le=1, description="How much such a field says that a record is of this entity.")
    personal: bool = Field(False, description="Whether it is somebody's own: samples of it are not shown.")
    beside: dict[str, list[str]] = Field(
        {}, description="Another property -> names that mean this one where a field beside them holds that."
    )


class Entity(_Part):
    """A kind of thing that records tell of."""

    description: str = ""
    synonyms: list[str] = Field([], description="What fields that hold one, or their prefixes, are called.")
    key: list[str] = Field([], description="Properties that identify one, the best first.")
    properties: dict[str, Property] = Field({}, description="By canonical name.")


class Relation(_Part):
    """How an entity of one kind relates to one of another."""

    type: str
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    synonyms: list[str] = Field([], description="Fields of the first entity that hold the second.")


class Words(_Part):
    """What names are made of, whatever the property."""

    concepts: dict[str, list[str]] = Field({}, description="Concept -> words for it, in any language, abbreviated too.")
    fillers: list[str] = Field([], description="Words that say nothing: of, de, der.")
    qualifiers: list[str] = Field([], description="Words that say nothing of what a field is: primary, old, src.")
    generic: list[str] = Field([], description="Concepts that say little by themselves: number, type.")
    types: dict[PropertyType, list[str]] = Field({}, description="Type -> the concepts that speak for it.")


class File(_Part):
    """A catalogue."""

    entities: dict[str, Entity] = {}
    relations: list[Relation] = []
    words: Words = Words()


class Match(NamedTuple):
    """What a field may stand for; `score` from 0 to 1."""

    entity: str
    property: str
    score: float


def merged(entity: Entity, own: Entity) -> Entity:
    """The entity with what a user's file says of it."""
    properties = dict(entity.properties)
    for name, prop in own.properties.items():
        if name in properties:
            known = properties[name]
            both = {"synonyms": [*known.synonyms, *prop.synonyms], "beside": known.beside | prop.beside}
            prop = known.model_copy(update={field: getattr(prop, field) for field in prop.model_fields_set} | both)
        properties[name] = prop
    return Entity(
        description=own.description or entity.description,
        synonyms=[*entity.synonyms, *own.synonyms],
        key=own.key or entity.key,
        properties=properties,
    )


def merged_words(words: Words, own: Words) -> Words:
    """Both."""
    concepts, types = dict(words.concepts), dict(words.types)
    for concept, names in own.concepts.items():
        concepts[concept] = [*concepts.get(concept, ()), *names]
    for kind, names in own.types.items():
        types[kind] = [*types.get(kind, ()), *names]
    return Words(
        concepts=concepts,
        fillers=[*words.fillers, *own.fillers],
        qualifiers=[*words.qualifiers, *own.qualifiers],
        generic=[*words.generic, *own.generic],
        types=types,
    )


def read(path: Path) -> File:
    """A file. Raises ConfigurationError: it is missing, no YAML, or no catalogue; names file and key."""
    try:
        loader = _FAST if path == BUILT_IN else yaml.SafeLoader
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
        return File.model_validate(content or {})
    except OSError as error:
        raise ConfigurationError(f"the catalogue {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the catalogue {path} is not UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigurationError(f"{where}: the catalogue is not YAML") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        hint = "quote it: bare yes, no, on and off are booleans in YAML" if first["type"] == "string_type" else ""
        raise ConfigurationError(f"{path}: {key}: {first['msg']}", hint=hint) from None
