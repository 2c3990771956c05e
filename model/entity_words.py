"""Which properties a field may stand for by the words of its name, where the name itself is in no catalogue."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
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
QUALIFIER: Final = 0.97
GENERIC: Final = 0.6
"""A number, a name or a type of something that nobody knows."""
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
        for names in (*whole.values(), language.qualifiers, language.generic):
            known += names
        single = [word for name in known for word in words(name)]
        self._words = Vocabulary(language.concepts, single, language.fillers)
        self._qualifiers = frozenset(self._concepts(language.qualifiers))
        self._generic = frozenset(self._concepts(language.generic))
        self._types: dict[str, list[str]] = defaultdict(list)
        for kind, names in language.types.items():
            for concept in self._concepts(names):
                self._types[concept].append(kind)
        self._hints = {name: frozenset(self._alone(names)) for name, names in whole.items()}
        self._all_hints = frozenset().union(*self._hints.values())
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

    def generic(self, own: str, before: Iterable[str]) -> bool:
        """Whether words say little by themselves, and those before them nothing of what they are meant of."""
        if not frozenset(self._words.concepts(own)) <= self._generic:
            return False
        return any(concept not in self._qualifiers for word in before for concept in self._words.concepts(word))

    def meant(self, entity: str, names: Iterable[str]) -> Callable[[str], bool]:
        """Whether a field's name says what one of `names` does, but for words that name the entity."""
        terms = {frozenset(self._words.concepts(name)) for name in names}
        hints = self._hints[entity]
        return lambda name: frozenset(self._words.concepts(name.rpartition(".")[2])) - hints in terms

    def types(self, name: str) -> frozenset[str]:
        """The types that the words of a name speak for."""
        return frozenset(kind for concept in self._words.concepts(name) for kind in self._types.get(concept, ()))

    def _in(self, concepts: frozenset[str], before: tuple[str, ...]) -> list[Match]:
        best: dict[tuple[str, str], tuple[int, float]] = {}
        for concept in concepts:
            for term, entity, title in self._terms.get(concept, ()):
                if term <= concepts:
                    beside = [*(concepts - term), *before[-2:]]
                    generic = term <= self._generic
                    factor = self._beside(entity, self._kinds[entity, title], beside, generic=generic)
                    factor *= GENERIC if factor <= UNKNOWN_PREFIX and generic else 1.0
                    best[entity, title] = max((len(term), _BY_WORDS * factor), best.get((entity, title), (0, 0.0)))
        # of two names in one, the one with more words is meant: birth date, not date
        most = max((size for size, _ in best.values()), default=0)
        return [
            Match(entity, title, round(score, 4))
            for (entity, title), (size, score) in sorted(best.items(), key=lambda item: -item[1][1])
            if size == most
        ]

    def _beside(self, entity: str, kind: str, others: list[str], *, generic: bool) -> float:
        """What the other words leave of a score."""
        return min((self._factor(entity, kind, concept, generic) for concept in others), default=1.0)

    def _factor(self, entity: str, kind: str, concept: str, generic: bool) -> float:
        if concept in self._hints[entity]:
            return SYNONYM
        if generic and concept in self._all_hints:  # the name of a contact is none of the company's
            return OTHER_ENTITY
        if concept in self._qualifiers or concept.isdigit() or kind in self._types.get(concept, ()):
            return QUALIFIER
        return OTHER_ENTITY if concept in self._known or concept in self._generic else UNKNOWN_PREFIX

    def _concepts(self, names: list[str]) -> list[str]:
        return [concept for name in names for concept in self._words.concepts(name)]

    def _alone(self, names: list[str]) -> Iterator[str]:
        """The concepts that name the entity by themselves."""
        for name in names:
            concepts = self._words.concepts(name)
            if len(concepts) == 1:
                yield concepts[0]
