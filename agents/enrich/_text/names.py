"""Names of persons, organisations and places in a text, by rules and short lists.

What announces a name is found: a title, a given name that is on the list, a legal form, a kind of institution, a
country or large city. A name with nothing of the kind is not found; that takes a model.
"""

import re
from collections.abc import Iterator
from typing import Final

from penstock.agents.enrich._text.gazetteer import CITIES, COUNTRIES, GIVEN, ORGANISATIONS
from penstock.agents.enrich._text.indicators import Found

_CAP: Final = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶĹĻĽŁŃŅŇŌŐŒŔŘŚŞŠŢŤŪŮŰŲŹŻŽ"
_LOW: Final = "a-zß-öø-ÿāăąćčďđēėęěğģīįıķĺļľłńņňōőœŕřśşšţťūůűųźżž"
_NAME: Final = f"(?:[OD]['’])?[{_CAP}][{_LOW}]+(?:[{_CAP}][{_LOW}]+)?(?:-[{_CAP}][{_LOW}]+)?"
_LINK: Final = "(?:van der|van den|van de|van|von der|von|zu|de la|de los|del|de|di|da|dos|du|le|la|bin|ibn|al-|al|el)"
_TITLE: Final = (
    "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Dame|Lord|Lady|Herr|Herrn|Frau|Monsieur|Madame|Mme|Mlle|Señor|Señora|"
    "Sra|President|Chancellor|Minister|Prime Minister|Senator|Governor|Judge|Justice|Captain|General|Colonel|Sergeant|"
    "King|Queen|Prince|Princess|Pope|CEO|CFO|CTO|CISO|Chairman|Chairwoman|Director|Detective|Inspector|Officer|Secretary"
)
_TITLED: Final = re.compile(
    rf"(?<!\w)(?:{_TITLE})\.?(?: (?:Dr|Prof|med)\.?)* "
    rf"((?:{_NAME}|[{_CAP}]\.)(?:(?: {_LINK})? (?:{_NAME}|[{_CAP}]\.)){{0,3}})(?!\w)"
)
_FULL: Final = re.compile(rf"(?<![\w-])({_NAME})((?: [{_CAP}]\.)*(?:(?: {_LINK})? {_NAME}){{1,3}})(?!\w)")

_ALONE: Final = re.compile(rf"(?<=[{_LOW},] )([{_CAP}][{_LOW}]{{2,}})(?![\w-]| [{_CAP}])")
"""One word with a capital that begins no sentence."""
_WORDS_TOO: Final = frozenset(
    str.split("Bill Frank Mark Max Rose Jack Jan Art Kim Mei Virginia Victoria Milan Lea Roman Jean")
)

_WORD: Final = rf"[0-9]*[{_CAP}][\w'’&.-]*\w|[{_CAP}]"
_FORM: Final = (
    r"Inc|Incorporated|Corp|Corporation|Ltd|Limited|LLC|LLP|L\.L\.C|PLC|plc|GmbH(?: & Co\.? KG)?|gGmbH|AG|KG|KGaA|SE|"
    r"OHG|UG|e\.V|"
    r"S\.A\.?S?|SAS|SARL|S\.à r\.l|SA|S\.p\.A|SpA|S\.r\.l|Srl|B\.V|BV|N\.V|NV|AB|ASA|A/S|ApS|Oyj?|Pty Ltd|Pte Ltd|Co|"
    r"Company|"
    r"Holdings?|Group|Bank|Partners|Technologies|Systems|Industries|Airlines|Airways|Motors|Pharmaceuticals|Foundation|"
    r"Institute|"
    r"University|College|Hospital|Agency|Association|Commission|Authority|Ministry|Museum|Times|Consulting|Software|"
    r"Labs|Networks"
)
_FORMED: Final = re.compile(
    rf"(?<![\w@.-])((?:(?:{_WORD})(?: | & | and |, (?={_FORM}))){{1,5}}?)"
    rf"({_FORM})(?: (?:{_FORM})){{0,2}}(?![\w-])"
    rf"(?:(?<=Inc)\.|(?<=Corp)\.|(?<=Ltd)\.|(?<=Co)\.|(?<=S\.A)\.|(?<=L\.L\.C)\.|(?<=e\.V)\.)?"
)
_OF: Final = re.compile(
    rf"(?<!\w)((?:University|Universität|Université|Ministry|Department|Bank|Bureau|Institute|College|Church|House|"
    rf"Office|Federation|"
    rf"Republic|Council|Court|School|Academy) of (?:the )?(?:{_WORD})(?:(?: and| of| for|,)? (?:{_WORD})){{0,3}}|"
    rf"(?:Universität|Technische Universität|Hochschule|Stadtwerke|Deutsche|Banque|Banco|Universidad|Université)"
    rf"(?: de| du)? (?:{_WORD}))(?!\w)"
)

_NOT_FIRST: Final = frozenset(
    str.split(
        """The A An This That These Those It He She We They You I In On At By For From With Without And Or But If When
    While After Before As Of To Our Your My His Her Their Its Please Dear Hello Hi Yes No Not Der Die Das Ein
    Eine Le La Les Un Une El Los Las Contact Call Ask Tell Meet Monday Tuesday Wednesday Thursday Friday
    Saturday Sunday January February March April May June July August September October November December Today
    Yesterday Tomorrow New"""
    )
)
_NOT_LAST: Final = frozenset(
    str.split(
        """Street Road Avenue Lane Drive Square Island Islands Airport Station Beach County City Park River Lake
    Mountain Hotel Day Week Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March
    April May June July August September October November December The And Or But Inc Corp Ltd LLC GmbH AG
    University Bank Group"""
    )
)


_CAPITAL: Final = re.compile(rf"(?<![\w@./-])[{_CAP}][\w'’.&-]*")


def _by_first_word(names: frozenset[str]) -> dict[str, list[str]]:
    """The names that begin with a word, the longest first; one pattern of them all takes ten times as long."""
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        first = name.partition(" ")[0].rstrip(",.")
        found.setdefault(first, []).append(name)
    return found


_LISTED: Final = _by_first_word(COUNTRIES | CITIES | ORGANISATIONS)


def names(text: str) -> Iterator[Found]:
    """Persons, organisations and places, in no order; spans may overlap."""
    yield from _persons(text)
    yield from _organisations(text)
    yield from _listed(text)


def _listed(text: str) -> Iterator[Found]:
    for match in _CAPITAL.finditer(text):
        first = match[0].rstrip(".,'’&-")
        for name in _LISTED.get(first, []) or _LISTED.get(first.removesuffix("'s").removesuffix("’s"), []):
            end = match.start() + len(name)
            if text.startswith(name, match.start()) and not _goes_on(text, end):
                kind = "country" if name in COUNTRIES else "city" if name in CITIES else ""
                yield Found("place" if kind else "organisation", match.start(), end, 0.85, kind=kind)
                break


def _goes_on(text: str, at: int) -> bool:
    """Whether the word before `at` is not over there."""
    after = text[at : at + 2]
    return bool(after) and (after[0].isalnum() or after[0] in "_@" or (after[0] in ".-" and after[1:].isalnum()))


def _persons(text: str) -> Iterator[Found]:
    for match in _TITLED.finditer(text):
        start, end = _shortened(text, *match.span(1))
        if end > start:
            yield Found("person", start, end, 0.9)
    for match in _FULL.finditer(text):
        start, end = _begun(text, *match.span())
        first = text[start:end].partition(" ")[0]
        if first.partition("-")[0] in GIVEN:
            start, end = _shortened(text, start, end)
            if " " in text[start:end]:
                yield Found("person", start, end, 0.85)
    for match in _ALONE.finditer(text):
        if match[1] in GIVEN and match[1] not in _WORDS_TOO:
            yield Found("person", *match.span(1), 0.6)


def _begun(text: str, start: int, end: int) -> tuple[int, int]:
    """Without words in front that only begin a sentence (``Yesterday Anna Meier``)."""
    while " " in text[start:end]:
        first = text[start:end].partition(" ")[0]
        if first in GIVEN or first not in _NOT_FIRST:
            break
        start += len(first) + 1
    return start, end


def _shortened(text: str, start: int, end: int) -> tuple[int, int]:
    """Without words at the end that no name ends with (``Anna Meier Monday``)."""
    words = text[start:end].split(" ")
    while words and words[-1] in _NOT_LAST:
        end -= len(words.pop()) + 1
    return start, max(start, end)


def _organisations(text: str) -> Iterator[Found]:
    for match in _FORMED.finditer(text):
        start = match.start()
        while (first := text[start : match.start(2)].partition(" ")[0]) in _NOT_FIRST:
            start += len(first) + 1
        if start < match.start(2):
            yield Found("organisation", start, match.end(), 0.9)
    for match in _OF.finditer(text):
        yield Found("organisation", *match.span(), 0.85)
