"""What a recognizer is, and how its file becomes one.

A recognizer is a file ``recognizers/<category>.py`` (or an entry point in the group ``penstock.recognizers``) with

=============  ====================================================================================================
`CATEGORY`     the name of the file
`SEVERITY`     ``low``, ``medium``, ``high`` or ``critical``
`EXACT`        compiled patterns; what they match (group 1 if there is one) goes to `validate`. They never take a
               quote, a backslash or a control character, nor NUL on the way to it (which parts the values of a
               record from each other), and are linear in the length of the text
`CANDIDATE`    for each of them a pattern over UTF-8 that Hyperscan and `re` both know, which finds whatever it finds,
               and more if need be; it may take a few characters to either side, see `_text`, and takes no NUL but there
`validate`     whether a matched text is of the category
`FIELD_NAMES`  names of fields whose whole value is of the category, if it matches `FIELD_VALUE`: words in lower case
               with underscores and without accents; ``phone`` is also ``homePhone``, ``PHONES``, ``phone_2``,
               ``prenom`` ``Prénom``, and ``fuehrerschein`` ``Führerschein``
`EXAMPLES`     texts that hold one match, and texts that hold none
=============  ====================================================================================================

and, where it makes sense,

==============  ===================================================================================================
`CONFIDENCE`    for each pattern how sure a match is, 0 to 1 (0.9 where absent)
`TOLD`          numbers of patterns that need a word near by (see `_context`); what they match goes to `plausible`
                instead, where there is one: the word has said what it is
`AGAINST`       numbers of patterns whose matches are less sure behind words such as ``order no.``
`BESIDE`        of names, other names and yet others: a field of the first is as one of `FIELD_NAMES` where the same
                object has one of the second and none of the third (``nom`` beside ``prenom``)
`SPECIAL`       True: of the special categories of the GDPR, article 9
`SHORTENS`      a match may be one without its last groups
`BY_DEFAULT`    False: looked for where it is asked for by name only, because it takes too much that is nobody's or
                is personal in company only
`canonical`     one text for all ways to write a value
`mask`, `generalise`
`LOCALISED`     `validate` and `canonical` take a second argument, the regions
==============  ===================================================================================================

A recognizer without patterns goes by names of fields alone; its `EXAMPLES` are values of such fields.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, Final

from penstock.agents.redact import _context
from penstock.model.registry import Registry

RECOGNIZERS: Final = Registry("penstock.agents.redact.recognizers", "penstock.recognizers", "recognizer")

SURE: Final = 0.9
"""The confidence of a match whose recognizer says nothing of it."""
NAMED: Final = 0.95
"""The confidence of a value that its field's name vouches for."""
LEAST: Final = 0.5
"""What is less sure is no match, unless another limit is asked for."""
_AGAINST: Final = 0.6

_CAMEL: Final = re.compile("(?<=[a-z0-9])(?=[A-Z])")
_NO_LETTER: Final = re.compile("[-_ .]")
_BEGIN: Final = r"(?:\A|[^a-z])"
_NAME_END: Final = "(?:e?s)?[-_ .]?[0-9]{0,4}"
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_LETTERS: Final = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "Æ": "Ae", "œ": "oe"})


@dataclass(frozen=True, slots=True)
class Recognizer:
    """One category of personal data; see the head of this module."""

    category: str
    severity: str
    candidates: tuple[bytes, ...] = ()
    exact: tuple[re.Pattern[str], ...] = ()
    validate: Callable[[str], bool] = bool
    plausible: Callable[[str], bool] = bool
    confidences: tuple[float, ...] = ()
    told: frozenset[int] = frozenset()
    against: frozenset[int] = frozenset()
    least: float = LEAST
    shortens: bool = False
    by_default: bool = True
    names: re.Pattern[str] | None = None
    name_ends: frozenset[str] = frozenset()
    besides: tuple[tuple[re.Pattern[str], ...], ...] = ()
    value: re.Pattern[str] | None = None
    canonical: Callable[[str], str] = str
    mask: Callable[[str], str] | None = None
    generalise: Callable[[str], str] | None = None

    def spans(self, number: int, text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
        """Where pattern `number` finds the category in `text`, from left to right, without overlaps.

        A match that `validate` refuses is tried again, where the category allows it, without its last group, then
        without its last two and so on (a card number with an expiry date behind it); if all fails, the search goes on
        one character later.
        """
        pattern = self.exact[number]
        accept = self.judge(number)
        unsure = number in self.against or self.confidences[number] < self.least
        end = len(text) if end is None else end
        found = []
        while match := pattern.search(text, start, end):
            first, last = match.span(match.lastindex or 0)
            piece = text[first:last]
            if not accept(piece):
                last = first + (self._shortened(piece, accept) if self.shortens else 0)
            if last > first and unsure and self.confidence(number, text, first) < self.least:
                start = last
            elif last > first:
                found.append((first, last))
                start = last
            else:
                start = match.start() + 1
        return found

    def takes(self, number: int, text: str) -> bool:
        """Whether pattern `number` finds the category in `text` and takes the whole of it."""
        match = self.exact[number].match(text)
        whole = match is not None and match.span(match.lastindex or 0) == (0, len(text))
        return whole and self.judge(number)(text) and self.confidence(number, text, 0) >= self.least

    def judge(self, number: int) -> Callable[[str], bool]:
        """What decides on the matches of pattern `number`."""
        return self.plausible if number in self.told else self.validate

    def confidence(self, number: int, text: str, first: int) -> float:
        """How sure a match of pattern `number` is that begins at `first`, 0 to 1."""
        base = self.confidences[number]
        return base * _AGAINST if number in self.against and _context.against(text, first) else base

    def _shortened(self, piece: str, accept: Callable[[str], bool]) -> int:
        """How much of `piece` is left when it is accepted; 0 if it never is."""
        while piece:
            cut = len(piece)
            while cut and piece[cut - 1].isalnum():
                cut -= 1
            while cut and not piece[cut - 1].isalnum():
                cut -= 1
            piece = piece[:cut]
            if piece and accept(piece):
                break
        return len(piece)

    def names_field(self, name: str) -> bool:
        """Whether a field of that name is said to hold the category."""
        return self.names is not None and any(map(self.names.search, _spellings(name)))

    def beside(self, names: Sequence[str]) -> list[int]:
        """Which of the names of an object's fields are said to hold the category because of others among them."""
        if not self.besides:
            return []
        spelled = [one for name in names for one in _spellings(name)]
        return [
            place
            for own, others, unless in self.besides
            if any(map(others.search, spelled)) and not any(map(unless.search, spelled))
            for place, name in enumerate(names)
            if own.search(name)
        ]

    def is_value(self, text: str) -> bool:
        """Whether the whole `text` can be the value of such a field."""
        return self.value is not None and self.value.fullmatch(text) is not None


def may_be_named(name: str, ends: frozenset[str]) -> bool:
    """Whether a recognizer with one of these `name_ends` can take `name`: quick, and never False where one does."""
    return _may_end(name, ends) if name.isascii() else any(_may_end(one, ends) for one in _spellings(name))


def _may_end(name: str, ends: frozenset[str]) -> bool:
    tail = _tail(name)
    return tail in ends or tail[1:] in ends or tail[2:] in ends or tail[3:] in ends or tail[4:] in ends


def load(category: str, names: Sequence[str] | None, regions: tuple[str, ...], least: float = LEAST) -> Recognizer:
    """The recognizer of `category`, with other names of fields than its own unless `names` is None.

    Matches that are less sure than `least` are none.

    Raises
    ------
    ConfigurationError
        There is no such recognizer.
    """
    module = RECOGNIZERS.load(category)
    called = module.FIELD_NAMES if names is None else names
    return Recognizer(
        category=module.CATEGORY,
        severity=module.SEVERITY,
        candidates=module.CANDIDATE,
        exact=module.EXACT,
        validate=_local(module, "validate", regions),
        plausible=getattr(module, "plausible", None) or _local(module, "validate", regions),
        confidences=getattr(module, "CONFIDENCE", (SURE,) * len(module.EXACT)),
        told=frozenset(getattr(module, "TOLD", ())),
        against=frozenset(getattr(module, "AGAINST", ())),
        least=least,
        by_default=getattr(module, "BY_DEFAULT", True),
        shortens=getattr(module, "SHORTENS", False),
        names=_pattern(_BEGIN, called) if called else None,
        name_ends=frozenset(_tail(name + plural) for name in called for plural in ("", "s", "es")),
        besides=()
        if names is not None
        else tuple(
            (_pattern(r"\A", own), _pattern(_BEGIN, others), _pattern(_BEGIN, unless))
            for own, others, unless in getattr(module, "BESIDE", ())
        ),
        value=getattr(module, "FIELD_VALUE", None),
        canonical=_local(module, "canonical", regions) if hasattr(module, "canonical") else str,
        mask=getattr(module, "mask", None),
        generalise=getattr(module, "generalise", None),
    )


def _pattern(begins: str, names: Sequence[str]) -> re.Pattern[str]:
    """A pattern for names of fields that are, or end in, one of these."""
    patterns = "|".join(re.escape(name).replace("_", "[-_ .]?") for name in names)
    return re.compile(f"(?ai){begins}(?:{patterns}){_NAME_END}\\Z")


def _spellings(name: str) -> Iterator[str]:
    """A field's name with its words parted by underscores: as it is, and without accents."""
    yield _CAMEL.sub("_", name)
    if not name.isascii():
        for one in dict.fromkeys((name, name.translate(_GERMAN))):
            letters = unicodedata.normalize("NFKD", one.translate(_LETTERS))
            yield _CAMEL.sub("_", "".join(letter for letter in letters if not unicodedata.combining(letter)))


def _tail(name: str) -> str:
    """The last four characters of a name, at most, as far as `names_field` tells names apart there."""
    return _NO_LETTER.sub("", name).rstrip("0123456789").casefold()[-4:]


def _local(module: ModuleType, name: str, regions: tuple[str, ...]) -> Callable[[str], Any]:
    function: Callable[..., Any] = getattr(module, name)
    return partial(function, regions=regions) if getattr(module, "LOCALISED", False) else function
