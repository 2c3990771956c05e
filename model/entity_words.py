"""Which properties a field may stand for by the words of its name, where the name itself is in no catalogue."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from penstock.model.entity_file import Entity, Match, Relation, Words
from penstock.model.vocabulary import Vocabulary, words

SYNONYM: Final = 0.95
"""What is left of a score where a name beside it says the same."""
UNKNOWN_PREFIX: Final = 0.75
OTHER_ENTITY: Final = 0.5
_BY_WORDS: Final = 0.9
"""All words of a name of the property are there, whatever their order and language."""
_CORRECTED: Final = 0.9
_QUALIFIER: Final = 0.97
_OVER_THE_PATH: Final = 0.95
"""Some words of the name are the object's: ``host.name`` is a host name."""


class ByWords:
    """Properties by the concepts that their names are made of, in whatever order a field's name has them."""

    def __init__(self, entities: Mapping[str, Entity], relations: tuple[Relation, ...], language: Words) -> None:
        terms = {name: {title: [title, *prop.synonyms] for title, prop in entity.properties.items()}
                 for name, entity in entities.items()}  # fmt: skip
        self._kinds = {
            (name, title): prop.type for name, entity in entities.items() for title, prop in entity.properties.items()
        }
        whole = {name: [name, *entity.synonyms] for name, entity in entities.items()}
        for relation in relations:
            whole[relation.target] = [*whole[relation.target], *relation.synonyms]
        known = [name for titles in terms.values() for names in titles.values() for name in names]
        for names in (*whole.values(), language.qualifiers):
            known += names
        single = [word for name in known for word in words(name)]
        self._words = Vocabulary(language.concepts, single, language.fillers)
        self._qualifiers = frozenset(self._concepts(language.qualifiers))
        self._types: dict[str, list[str]] = defaultdict(list)
        for kind, names in language.types.items():
            for concept in self._concepts(names):
                self._types[concept].append(kind)
        self._hints = {name: frozenset(self._alone(names)) for name, names in whole.items()}
        self._terms: dict[str, list[tuple[frozenset[str], str, str]]] = defaultdict(list)
        self._known: set[str] = set().union(*self._hints.values())
        for name, titles in terms.items():
            for title, names in titles.items():
                for term in dict.fromkeys(frozenset(self._words.concepts(each)) for each in names):
                    self._terms[min(term, default="")].append((term, name, title))
                    self._known |= term if len(term) == 1 else set()

    def find(self, name: str) -> list[Match]:
        """What a field of that name may stand for."""
        outer, _, inner = name.rpartition(".")
        before, own = self._words.concepts(outer), self._words.concepts(inner)
        found = self._in(frozenset(own), before)
        if before and own:
            whole = self._in(frozenset((*before[-2:], *own)), ())
            found += [match._replace(score=round(match.score * _OVER_THE_PATH, 4)) for match in whole]
        corrected = frozenset(map(self._words.corrected, own))
        if corrected != frozenset(own):
            meant = self._in(corrected, before)
            found += [match._replace(score=round(match.score * _CORRECTED, 4)) for match in meant]
        return found

    def types(self, name: str) -> frozenset[str]:
        """The types that the words of a name speak for."""
        return frozenset(kind for concept in self._words.concepts(name) for kind in self._types.get(concept, ()))

    def _in(self, concepts: frozenset[str], before: tuple[str, ...]) -> list[Match]:
        best: dict[tuple[str, str], tuple[int, float]] = {}
        for concept in concepts:
            for term, entity, title in self._terms.get(concept, ()):
                if term <= concepts:
                    beside = [*(concepts - term), *before[-2:]]
                    score = len(term), _BY_WORDS * self._beside(entity, self._kinds[entity, title], beside)
                    best[entity, title] = max(score, best.get((entity, title), (0, 0.0)))
        # of two names in one, the one with more words is meant: birth date, not date
        most = max((size for size, _ in best.values()), default=0)
        return [
            Match(entity, title, round(score, 4))
            for (entity, title), (size, score) in sorted(best.items(), key=lambda item: -item[1][1])
            if size == most
        ]

    def _beside(self, entity: str, kind: str, others: list[str]) -> float:
        """What the other words leave of a score."""
        return min((self._factor(entity, kind, concept) for concept in others), default=1.0)

    def _factor(self, entity: str, kind: str, concept: str) -> float:
        if concept in self._hints[entity]:
            return SYNONYM
        if concept in self._qualifiers or concept.isdigit() or kind in self._types.get(concept, ()):
            return _QUALIFIER
        return OTHER_ENTITY if concept in self._known else UNKNOWN_PREFIX

    def _concepts(self, names: list[str]) -> list[str]:
        return [concept for name in names for concept in self._words.concepts(name)]

    def _alone(self, names: list[str]) -> Iterator[str]:
        """The concepts that name the entity by themselves."""
        for name in names:
            concepts = self._words.concepts(name)
            if len(concepts) == 1:
                yield concepts[0]
