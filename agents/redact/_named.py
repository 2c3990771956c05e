"""Names of persons that a model finds in texts, beside what recognizers find there.

A name that no title and no introduction stands before, as in ``Ann Lee paid``, takes a model of language. It is one of
spaCy's, given as a folder or an installed package; it sees every text with at least two words. What it takes for a
person is a match of `person_name`, and weaker than any other where two overlap.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from penstock.agents import _spacy
from penstock.agents.redact import _detect
from penstock.agents.redact._detect import Detect, Entity
from penstock.agents.redact._engine import AnyLeaves, Engine, Find
from penstock.agents.redact._policy import Policy
from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._spans import settle
from penstock.model.record import Data

CATEGORY: Final = "person_name"

Read: TypeAlias = Callable[[Sequence[str]], Iterator[list[tuple[int, int]]]]
"""Texts in; for each of them where names of persons stand."""

_WORDS: Final = re.compile(r"[^\W\d_]{2}.*[\s\u3000,;]|[^\x00-\u02af]{2}", re.DOTALL)
_NO_NAME: Final = re.compile(r'["\\\x00-\x1f]')  # JSON that stands in a text stays JSON
_LONGEST: Final = 10_000
"""Characters that the model sees at once: its memory grows with them."""
_AGAIN: Final = 200
"""Of these the last so many are seen again with those that follow: a name may stand there."""


def spacy(model: str) -> Read:
    """Reads with a pipeline of spaCy. Raises MissingExtraError, ConfigurationError."""
    pipeline = _spacy.pipeline(model, "redact")

    def read(texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        pieces = [(number, at, piece) for number, text in enumerate(texts) for at, piece in _pieces(text)]
        found: list[list[tuple[int, int]]] = [[] for _ in texts]
        docs = pipeline.pipe(piece for _, _, piece in pieces)
        for (number, at, _), doc in zip(pieces, docs, strict=True):
            persons = (span for span in doc.ents if span.label_ in _spacy.PERSON)
            found[number] += [(at + span.start_char, at + span.end_char) for span in persons]
        yield from found

    return read


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """A long text in parts that begin where a word does, with their places."""
    at = 0
    while len(text) - at > _LONGEST:
        yield at, text[at : at + _LONGEST]
        again = at + _LONGEST - _AGAIN
        at = text.find(" ", again, again + _AGAIN // 2) + 1 or again
    yield at, text[at:]


class NamingEngine(Engine):
    """An engine that a model helps; see the head of this module.

    Parameters
    ----------
    recognizers
        That of person names is among them.
    read
        The model.
    """

    def __init__(
        self, recognizers: Sequence[Recognizer], policy: Policy, read: Read, *, thorough: bool, decode_base64: bool
    ) -> None:
        super().__init__(recognizers, policy, thorough=thorough, decode_base64=decode_base64)
        self._read = read
        self._one = next(number for number, item in enumerate(recognizers) if item.category == CATEGORY)

    def find(self, values: Sequence[AnyLeaves]) -> list[list[Find]]:
        """As every engine, and the names that the model finds."""
        found = super().find(values)
        for at, number, names in self.names(values):
            finds, text = found[at], values[at].texts[number]
            place = next((place for place, find in enumerate(finds) if find[0] == number), None)
            known = finds.pop(place)[2] if place is not None else []
            finds.append((number, text, settle(sorted([*known, *((a, b, self._one) for a, b in names)]))))
        return found

    def names(self, values: Sequence[AnyLeaves]) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
        """Which of `values`, the number of a text in it, and where the model finds names there."""
        places = [
            (at, number) for at, leaves in enumerate(values) for number, text in enumerate(leaves.texts)
            if _WORDS.search(text)
        ]  # fmt: skip
        texts = [values[at].texts[number] for at, number in places]
        is_value = self.recognizers[self._one].is_value
        for (at, number), text, spans in zip(places, texts, self._read(texts), strict=True):
            # what stands for a hidden name is no name
            names = [(a, b) for a, b in sorted(set(spans)) if is_value(text[a:b]) and not _NO_NAME.search(text[a:b])]
            if names:
                yield at, number, names


def detector(engine: NamingEngine) -> Detect:
    """As `_detect.detector`, with the names that the model finds where nothing else was found."""
    detect = _detect.detector(engine)

    def both(records: Sequence[Data]) -> list[list[Entity]]:
        found = detect(records)
        leaves = [engine.leaves(record) for record in records]
        for at, number, names in engine.names(leaves):
            field = leaves[at].path(number, {})
            taken = [(one.start, one.end) for one in found[at] if one.field == field and not one.in_name]
            for first, last in names:
                if not any(first < end and start < last for start, end in taken):
                    taken.append((first, last))
                    found[at].append(Entity(CATEGORY, first, last, _spacy.SURE, field))
        return [_in_order(entities) for entities in found]

    return both


def _in_order(entities: list[Entity]) -> list[Entity]:
    """Field by field, by their places."""
    fields = {field: number for number, field in enumerate(dict.fromkeys(one.field for one in entities))}
    return sorted(entities, key=lambda one: (fields[one.field], not one.in_name, one.start))
