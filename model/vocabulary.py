"""The words of field names: taken apart, without case and accents, and each the concept that it stands for.

A name is understood by its words, whatever their order, language and abbreviation: ``tel_nr``, ``numéroTéléphone``
and ``PHONE NO`` are all *phone* and *number*. Words that were written as one are parted where the vocabulary knows the
pieces (``kundennummer``). A word that nobody knows may be meant for a known one that differs by a letter (``adress``).

>>> words = Vocabulary({"phone": ["tel", "téléphone"], "number": ["nr", "no", "numéro"]}, [], ["of"])
>>> words.concepts("Tel.Nr"), words.concepts("numéroDeTéléphone"), words.concepts("phoneno")
(('phone', 'number'), ('number', 'de', 'phone'), ('phone', 'number'))
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

MOST_WORDS: Final = 8  # of a name are looked at, from its end

_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+|[^\W_A-Za-z0-9]+")
_TRANSCRIBED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_LEAST_TO_PART, _MOST_TO_PART = 5, 40  # letters: words outside of these bounds are not looked into
_LEAST_PIECE: Final = 3
_LEAST_TO_CORRECT: Final = 6
_LINKS: Final = ("", "s", "n", "en", "es")  # between the parts of a German compound
_ENDS: Final = frozenset(("id", "nr", "no", "nm", "ip", "dt"))  # short words that end a name written as one


class Vocabulary:
    """Words and what they stand for.

    Parameters
    ----------
    concepts
        Concept -> the words for it, itself among them or not.
    known
        Other words that names are made of: each is a concept of its own.
    fillers
        Words that say nothing (of, de, der).
    """

    def __init__(self, concepts: Mapping[str, Iterable[str]], known: Iterable[str], fillers: Iterable[str]) -> None:
        self._concepts: dict[str, str] = {}
        for concept, synonyms in concepts.items():
            for spelling in spellings([concept, *synonyms]):
                self._concepts.setdefault("".join(words(spelling)), concept)
        for word in known:
            self._concepts.setdefault(word, word)
        self._fillers = frozenset(word for filler in spellings(fillers) for word in words(filler))
        self._near: dict[str, str] = {}
        for word in self._concepts:
            if len(word) >= _LEAST_TO_CORRECT and word.isascii():
                for near in (word, *_without_one(word)):
                    self._near.setdefault(near, word)

    def concepts(self, name: str) -> tuple[str, ...]:
        """The concepts of a name, in its order; a word that is not known is itself."""
        found: dict[str, None] = {}
        for word in words(name)[-MOST_WORDS:]:
            for piece in self._pieces(word):
                if piece not in self._fillers:
                    found.setdefault(self._concept(piece))
        return tuple(found)

    def corrected(self, concept: str) -> str:
        """The known concept that an unknown word was probably meant for, itself where there is none."""
        if concept in self._concepts or len(concept) < _LEAST_TO_CORRECT:
            return concept
        for near in (concept, *_without_one(concept)):
            if near in self._near:
                return self._concepts[self._near[near]]
        return concept

    def _concept(self, word: str) -> str:
        if word in self._concepts:
            return self._concepts[word]
        return next((self._concepts[one] for one in singular(word) if one in self._concepts), word)

    def _pieces(self, word: str) -> list[str]:
        """The word, or the known words that it is made of."""
        bare = word.rstrip("0123456789") or word
        if any(one in self._concepts for one in (bare, *singular(bare))) or not (
            _LEAST_TO_PART <= len(bare) <= _MOST_TO_PART
        ):
            return [bare]
        return self._part(bare, {}) or [bare]

    def _part(self, word: str, seen: dict[str, list[str] | None]) -> list[str] | None:
        """Parts of `word` that are all known, the longest first ones tried first; None where there are none."""
        if word in self._concepts and (len(word) >= _LEAST_PIECE or word in _ENDS):
            return [word]
        if word in seen:
            return seen[word]
        seen[word] = None
        for cut in range(len(word) - 2, _LEAST_PIECE - 1, -1):
            for link in _LINKS:
                first = word[:cut].removesuffix(link) if link else word[:cut]
                if (link and not word[:cut].endswith(link)) or len(first) < _LEAST_PIECE:
                    continue
                if first in self._concepts and (others := self._part(word[cut:], seen)):
                    seen[word] = [first, *others]
                    return seen[word]
        return None


def words(name: str) -> list[str]:
    """The words of a name, without case and accents.

    >>> words("HTTPServerName"), words("E-Mail Straße")
    (['http', 'server', 'name'], ['e', 'mail', 'strasse'])
    """
    if not name.isascii():
        name = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
        name = name.replace("ß", "ss")
    return [word.casefold() for word in _WORDS.findall(name)]


def spellings(names: Iterable[str]) -> Iterator[str]:
    """The names, and those with umlauts transcribed as well."""
    for name in names:
        yield name
        if (transcribed := name.translate(_TRANSCRIBED)) != name:
            yield transcribed


def singular(word: str) -> Iterator[str]:
    """What a plural may be the plural of."""
    yield word.removesuffix("s")
    yield word.removesuffix("es")


def _without_one(word: str) -> Iterator[str]:
    return (word[:place] + word[place + 1 :] for place in range(len(word)))
