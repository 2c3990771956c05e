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
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from penstock.model.entity_file import (
    BUILT_IN,
    Entity,
    Relation,
    Words,
    merged,
    merged_words,
    read,
)
from penstock.model.entity_file import Kind as Kind
from penstock.model.entity_file import Match as Match
from penstock.model.entity_words import GENERIC, OTHER_ENTITY, SYNONYM, UNKNOWN_PREFIX, ByWords
from penstock.model.errors import ConfigurationError
from penstock.model.vocabulary import MOST_WORDS, singular, spellings, words

MINIMUM: Final = 1.0
"""Evidence below which `Catalogue.guess` stays silent: one field that only one entity has is enough."""

_CARRIED_BY: Final[Mapping[str, set[str]]] = {
    kind: {"string"}
    for kind in ("string", "text", "email", "url", "ip", "mac", "uuid", "hash", "iban", "date", "country", "language",
                 "currency")
} | {
    kind: {"string", "number"} for kind in ("identifier", "phone", "credit_card", "postal_code", "datetime")
} | {
    "number": {"number"}, "latitude": {"number"}, "longitude": {"number"}, "boolean": {"boolean"},
}  # fmt: skip
MOST_FIELDS: Final = 2_000
_LONGEST_NAME: Final = 200  # characters; longer ones are data in the wrong place
_NAME_OF_ENTITY: Final = 0.7
_NESTED: Final = 0.8


class Catalogue:
    """Entities and relations, found by names of fields.

    Parameters
    ----------
    entities
        By type.
    relations
        Between them.
    language
        What names of fields are made of.

    Raises
    ------
    ConfigurationError
        A key names no property, a relation names no entity, or two properties of one entity share a name.
    """

    def __init__(
        self, entities: Mapping[str, Entity], relations: list[Relation], language: Words | None = None
    ) -> None:
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
        self._by_words = ByWords(self.entities, self.relations, language or Words())

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """The built-in catalogue, with the file at `path` merged over it.

        Raises
        ------
        ConfigurationError
            The file is missing, no YAML, or does not say what a catalogue says; the message names file and key.
        """
        file = read(BUILT_IN)
        entities, relations = dict(file.entities), list(file.relations)
        if path is None:
            return cls(entities, relations, file.words)
        own = read(Path(path))
        for name, entity in own.entities.items():
            entities[name] = merged(entities[name], entity) if name in entities else entity
        try:
            return cls(entities, [*relations, *own.relations], merged_words(file.words, own.words))
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
        entity, or lowers the score where it is not known. A name that nobody wrote down is taken by its words.
        """
        return self._match(name)

    def hints(self, name: str) -> frozenset[str]:
        """The types that the words of a name speak for, such as ``datetime`` for ``created_at``."""
        if len(name) > _LONGEST_NAME:
            return frozenset()
        return self._by_words.types(name.rpartition(".")[2])

    def _find(self, name: str) -> tuple[Match, ...]:
        if len(name) > _LONGEST_NAME:
            return ()
        found: dict[tuple[str, str], Match] = {}
        for match in (*self._find_written(name), *self._by_words.find(name)):
            known = found.get(match[:2])
            if known is None or known.score < match.score:
                found[match[:2]] = match
        if not found:
            found = {match[:2]: match for match in self._find_entity(name)}
        return tuple(sorted(found.values(), key=lambda match: -match.score))

    def _find_written(self, name: str) -> tuple[Match, ...]:
        """By the names that stand in the catalogue, at the end of the field's name."""
        outer, _, inner = name.rpartition(".")  # user_name is one name, user.name is the name of a user
        before, own = words(outer)[-MOST_WORDS:], words(inner)[-MOST_WORDS:]
        for start in range(len(own)):
            found = _lookup(self._fields, "".join(own[start:]))
            if found:
                prefix = [*before, *own[:start]]
                weighed = self._weigh(list(found.values()), prefix)
                if not prefix or self._hinted(prefix) or not self._by_words.generic("_".join(own[start:]), prefix):
                    return weighed
                return tuple(match._replace(score=round(match.score * GENERIC, 4)) for match in weighed)
        return ()

    def _find_entity(self, name: str) -> tuple[Match, ...]:
        """A field called like an entity (company, customer) holds its name, as a rule."""
        own = words(name.rpartition(".")[2])[-MOST_WORDS:]
        whole = _lookup(self._hints, "".join(own)) or _lookup(self._hints, own[-1] if own else "") or {}
        named = (entity for entity in whole if "name" in self.entities[entity].properties)
        return tuple(Match(entity, "name", _NAME_OF_ENTITY) for entity in named)

    def entities_called(self, name: str) -> list[str]:
        """The entities that a field of that name holds: by their names, synonyms and roles (``employer``)."""
        return list(_lookup(self._hints, "".join(words(name))) or ())

    def relations_called(self, name: str) -> list[Relation]:
        """The relations whose second entity stands in a field of that name."""
        return list(_lookup(self._roles, "".join(words(name))) or ())

    def beside(self, entity: str, held: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, str]:
        """The properties that fields hold because of what stands beside them: ``nom`` is no name beside a ``prénom``.

        Parameters
        ----------
        held
            Names of fields of one object, and the property of `entity` that each would hold by itself.
        names
            Further fields of the object.
        """
        there = set(held.values())
        found: dict[str, str] = {}
        for title, prop in self.entities[entity].properties.items():
            for other in prop.beside if title not in there else ():
                if other in there:
                    meant = self._by_words.meant(entity, prop.beside[other])
                    found |= {name: title for name in (*held, *names) if meant(name)}
        return found

    def infer(self, name: str, kind: Kind) -> str:
        """The type of a field, by its name and the JSON type of its values alone."""
        for match in self.match(name):
            found = self.entities[match.entity].properties[match.property].type
            if kind in _CARRIED_BY[found] and match.score >= UNKNOWN_PREFIX * SYNONYM:
                return found
        return kind

    def rank(self, fields: Mapping[tuple[str, ...], Kind]) -> list[tuple[str, float]]:
        """How much speaks for each entity, the most first; fields by their path, nested ones count less.

        The first 2,000 fields speak: an object with more is a table by key, and what names the others have is data.
        """
        scores: dict[str, float] = dict.fromkeys(self.entities, 0.0)
        for path, kind in islice(fields.items(), MOST_FIELDS):
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
        for title, prop in entity.properties.items():
            for other in prop.beside:
                if other not in entity.properties:
                    raise ConfigurationError(f"entity {name}: {other}, beside {title}, is none of its properties")
        for term in _terms([name, *entity.synonyms]):
            self._hints[term].setdefault(name)
        for title, prop in entity.properties.items():
            canonical = _terms([title])
            for term in dict.fromkeys([*canonical, *_terms(prop.synonyms)]):
                taken = self._fields[term].get(name)
                if taken is not None:
                    raise ConfigurationError(f"entity {name}: {taken.property} and {title} are both called {term}")
                self._fields[term][name] = Match(name, title, 1.0 if term in canonical else SYNONYM)


@cache
def built_in() -> Catalogue:
    """The built-in catalogue, read once."""
    return Catalogue.load()


def _prefix_factor(entity: str, hints: set[str]) -> float:
    if not hints:
        return UNKNOWN_PREFIX
    return SYNONYM if entity in hints else OTHER_ENTITY


def _terms(names: list[str]) -> list[str]:
    """What `names` are looked up by; umlauts in both spellings."""
    return [term for term in dict.fromkeys("".join(words(spelling)) for spelling in spellings(names)) if term]


def _variants(term: str) -> Iterator[str]:
    yield term
    bare = term.rstrip("0123456789")
    yield bare
    yield from singular(bare)


def _lookup(index: Mapping[str, Any], term: str) -> Any:
    # `get` alone: the indexes make entries of what is asked for by subscript
    return next((found for variant in _variants(term) if (found := index.get(variant))), None)
