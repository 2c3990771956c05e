"""The canonical catalogue: which entity and property a field stands for, by its name (see ``entities.yml``).

>>> catalogue = Catalogue.load()
>>> catalogue.match("customerEmail")[0]
Match(entity='Person', property='email', score=0.95)
>>> catalogue.match("Geburtsdatum")[0]
Match(entity='Person', property='birth_date', score=0.95)
>>> catalogue.guess({("user", "name"): "string", ("user", "e-mail"): "string", ("user", "tel_nr"): "string"})
'Person'
"""

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penstock.model.errors import ConfigurationError

Kind = Literal["string", "number", "boolean", "object", "array", "null"]
"""The types of JSON (RFC 8259, section 3); it knows one type of numbers."""

PropertyType = Literal[
    "string", "text", "identifier", "email", "phone", "url", "ip", "mac", "date", "datetime", "number", "boolean"
]

MINIMUM: Final = 1.0
"""Evidence below which `Catalogue.guess` stays silent: one field that only one entity has is enough."""

_CARRIED_BY: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("string", "text", "email", "url", "ip", "mac", "date"), frozenset({"string"})),
    **dict.fromkeys(("identifier", "phone", "datetime"), frozenset({"string", "number"})),
    "number": frozenset({"number"}),
    "boolean": frozenset({"boolean"}),
}
_BUILT_IN: Final = Path(__file__).with_name("entities.yml")
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+|[^\W_A-Za-z0-9]+")
_TRANSCRIBED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_MOST_WORDS: Final = 8  # of a name are looked at, from its end
_LONGEST_NAME: Final = 200  # characters; longer ones are data in the wrong place
_SYNONYM: Final = 0.95
_UNKNOWN_PREFIX: Final = 0.75
_OTHER_ENTITY: Final = 0.5
_NAME_OF_ENTITY: Final = 0.7
_NESTED: Final = 0.8


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Property(_Part):
    """A property of an entity."""

    type: PropertyType = Field("string", description="What its values are.")
    synonyms: list[str] = Field([], description="Other names of fields that hold it.")
    weight: float = Field(1.0, ge=0, le=1, description="How much such a field says that a record is of this entity.")


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


class _File(_Part):
    entities: dict[str, Entity] = {}
    relations: list[Relation] = []


class Match(NamedTuple):
    """What a field may stand for; `score` from 0 to 1."""

    entity: str
    property: str
    score: float


class Catalogue:
    """Entities and relations, found by names of fields.

    Parameters
    ----------
    entities
        By type.
    relations
        Between them.

    Raises
    ------
    ConfigurationError
        A key names no property, a relation names no entity, or two properties of one entity share a name.
    """

    def __init__(self, entities: Mapping[str, Entity], relations: list[Relation]) -> None:
        self.entities = dict(entities)
        self.relations = tuple(relations)
        self._fields: dict[str, dict[str, Match]] = defaultdict(dict)
        self._hints: dict[str, dict[str, None]] = defaultdict(dict)
        self._roles: dict[str, list[Relation]] = defaultdict(list)
        self._match = lru_cache(maxsize=4096)(self._find)  # shapes are many, names of fields are few
        for name, entity in self.entities.items():
            self._index(name, entity)
        for relation in self.relations:
            self.require(relation.source)
            self.require(relation.target)
            for term in _terms(relation.synonyms):
                self._roles[term].append(relation)
                self._hints[term].setdefault(relation.target)

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """The built-in catalogue, with the file at `path` merged over it.

        Raises
        ------
        ConfigurationError
            The file is missing, no YAML, or does not say what a catalogue says; the message names file and key.
        """
        file = _read(_BUILT_IN)
        entities, relations = dict(file.entities), list(file.relations)
        if path is None:
            return cls(entities, relations)
        own = _read(Path(path))
        for name, entity in own.entities.items():
            entities[name] = _merged(entities[name], entity) if name in entities else entity
        try:
            return cls(entities, [*relations, *own.relations])
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error.message}") from None

    def require(self, entity: str) -> None:
        """Raises ConfigurationError where there is no such entity."""
        if entity not in self.entities:
            near = difflib.get_close_matches(entity, self.entities, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(self.entities)}"
            raise ConfigurationError(f"no entity of the catalogue is called {entity}", hint=hint)

    def match(self, name: str) -> tuple[Match, ...]:
        """What a field of that name may stand for, the best first.

        The name may be a dotted path; what stands before the property (``customer`` in ``customer_email``) tells the
        entity, or lowers the score where it is not known.
        """
        return self._match(name)

    def _find(self, name: str) -> tuple[Match, ...]:
        if len(name) > _LONGEST_NAME:
            return ()
        outer, _, inner = name.rpartition(".")  # user_name is one name, user.name is the name of a user
        before, words = _words(outer)[-_MOST_WORDS:], _words(inner)[-_MOST_WORDS:]
        for start in range(len(words)):
            found = _lookup(self._fields, "".join(words[start:]))
            if found:
                return self._weigh(list(found.values()), [*before, *words[:start]])
        # a field called like an entity (company, customer) holds its name, as a rule
        whole = _lookup(self._hints, "".join(words)) or _lookup(self._hints, words[-1] if words else "") or {}
        named = (entity for entity in whole if "name" in self.entities[entity].properties)
        return tuple(Match(entity, "name", _NAME_OF_ENTITY) for entity in named)

    def entities_called(self, name: str) -> list[str]:
        """The entities that a field of that name holds: by their names, synonyms and roles (``employer``)."""
        return list(_lookup(self._hints, "".join(_words(name))) or ())

    def relations_called(self, name: str) -> list[Relation]:
        """The relations whose second entity stands in a field of that name."""
        return list(_lookup(self._roles, "".join(_words(name))) or ())

    def infer(self, name: str, kind: Kind) -> str:
        """The type of a field, by its name and the JSON type of its values alone."""
        for match in self.match(name):
            found = self.entities[match.entity].properties[match.property].type
            if kind in _CARRIED_BY[found] and match.score >= _UNKNOWN_PREFIX * _SYNONYM:
                return found
        return kind

    def rank(self, fields: Mapping[tuple[str, ...], Kind]) -> list[tuple[str, float]]:
        """How much speaks for each entity, the most first; fields by their path, nested ones count less."""
        scores: dict[str, float] = dict.fromkeys(self.entities, 0.0)
        for path, kind in fields.items():
            likely = [match for match in self.match(".".join(path[-3:])) if self.fits(match, kind)]
            best = [match for match in likely if match.score == likely[0].score]
            for entity, name, score in best:  # a name that several entities have speaks for each a little
                weight = self.entities[entity].properties[name].weight
                scores[entity] += score * weight / len(best) * _NESTED ** (len(path) - 1)
        # sorting is stable: equals stay in the order of the catalogue
        return sorted(((name, score) for name, score in scores.items() if score), key=lambda item: -item[1])

    def guess(self, fields: Mapping[tuple[str, ...], Kind], minimum: float = MINIMUM) -> str | None:
        """The entity that a record with these fields most likely is; None where too little speaks for any."""
        ranked = self.rank(fields)
        return ranked[0][0] if ranked and ranked[0][1] >= minimum else None

    def fits(self, match: Match, kind: Kind) -> bool:
        """Whether values of that JSON type can be what `match` says."""
        # sources without types (CSV) give strings for everything
        return kind == "string" or kind in _CARRIED_BY[self.entities[match.entity].properties[match.property].type]

    def _weigh(self, found: list[Match], prefix: list[str]) -> tuple[Match, ...]:
        if prefix:
            hints = self._hinted(prefix)
            found = [
                match._replace(score=round(match.score * _prefix_factor(match.entity, hints), 4)) for match in found
            ]
        return tuple(sorted(found, key=lambda match: -match.score))

    def _hinted(self, prefix: list[str]) -> set[str]:
        """The entities that the words before the property name: the nearest that says anything decides."""
        for start in range(len(prefix)):
            if found := _lookup(self._hints, "".join(prefix[start:])):
                return set(found)
        for word in reversed(prefix):
            if found := _lookup(self._hints, word):
                return set(found)
        return set()

    def _index(self, name: str, entity: Entity) -> None:
        for key in entity.key:
            if key not in entity.properties:
                raise ConfigurationError(f"entity {name}: the key {key} is none of its properties")
        for term in _terms([name, *entity.synonyms]):
            self._hints[term].setdefault(name)
        for title, prop in entity.properties.items():
            canonical = _terms([title])
            for term in dict.fromkeys([*canonical, *_terms(prop.synonyms)]):
                taken = self._fields[term].get(name)
                if taken is not None:
                    raise ConfigurationError(f"entity {name}: {taken.property} and {title} are both called {term}")
                self._fields[term][name] = Match(name, title, 1.0 if term in canonical else _SYNONYM)


@cache
def built_in() -> Catalogue:
    """The built-in catalogue, read once."""
    return Catalogue.load()


def _prefix_factor(entity: str, hints: set[str]) -> float:
    if not hints:
        return _UNKNOWN_PREFIX
    return _SYNONYM if entity in hints else _OTHER_ENTITY


def _words(name: str) -> list[str]:
    """The words of a name, without case and accents."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return [word.casefold() for word in _WORDS.findall(plain.replace("ß", "ss"))]


def _terms(names: list[str]) -> list[str]:
    """What `names` are looked up by; umlauts in both spellings."""
    spellings = (spelling for name in names for spelling in (name, name.translate(_TRANSCRIBED)))
    return [term for term in dict.fromkeys("".join(_words(spelling)) for spelling in spellings) if term]


def _variants(term: str) -> Iterator[str]:
    yield term
    bare = term.rstrip("0123456789")
    yield bare
    yield bare.removesuffix("s")
    yield bare.removesuffix("es")


def _lookup(index: Mapping[str, Any], term: str) -> Any:
    # `get` alone: the indexes make entries of what is asked for by subscript
    return next((found for variant in _variants(term) if (found := index.get(variant))), None)


def _merged(entity: Entity, own: Entity) -> Entity:
    properties = dict(entity.properties)
    for name, prop in own.properties.items():
        if name in properties:
            synonyms = [*properties[name].synonyms, *prop.synonyms]
            update = {field: getattr(prop, field) for field in prop.model_fields_set}
            prop = properties[name].model_copy(update={**update, "synonyms": synonyms})
        properties[name] = prop
    return Entity(
        description=own.description or entity.description,
        synonyms=[*entity.synonyms, *own.synonyms],
        key=own.key or entity.key,
        properties=properties,
    )


def _read(path: Path) -> _File:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _File.model_validate(content or {})
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
