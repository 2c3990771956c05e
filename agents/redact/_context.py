"""Words near a match: those that a weak pattern needs, and those that speak against one.

Nine digits may be anything; behind ``passport no.`` they are a passport. Such a pattern is made by `told`: the words
stand within `BEFORE` characters before the value, with no digit between nor what stands for a hidden value, or right
behind it (``912803456 is my passport``, ``912803456 (passport)``). Its candidate (`candidate`) is the words alone:
they are rarer than digits.

Words are alternatives in lower case; they are found in any case of their ASCII letters, with a plural ``s``, and at the
beginning of a name in a program (``passportNo``). What is not ASCII stands in no class of theirs.
"""

import re
from typing import Final

BEFORE: Final = 40

AGAINST: Final = re.compile(
    r"(?ai:(?<![a-z])(?:orders?|invoice|ticket|case|ref|reference|tracking|parcel|shipment|consignment|part|sku|item|"
    r"serial|s/n|p/n|model|version|ver|build|release|revision|batch|lot|article|product|catalog|catalogue|asset|"
    r"isbn|issn|ean|upc|gtin|asin|job|run|request|trace|session|transaction|txn|commit|error|rma|po|purchase|"
    r"firmware|quote|id|chunk|offset|timestamp|epoch|hash|checksum|uuid|guid|"
    r"bestellung|bestellnummer|auftrag|auftragsnummer|rechnung|rechnungsnummer|artikel|artikelnummer|seriennummer|"
    r"sendung|sendungsnummer|teilenummer|vorgang|commande|facture|article|colis|pi.ce|pedido|factura|art.culo|env.o|pieza)"
    r"(?:[ _\-]?(?:no|nr|num|number|nummer|num.ro|n.mero|id|code|ref|is))*[\s\"':#=.\-(/]{0,5})\Z"
)
"""Words that name a number which is nobody's, right before it."""

_AGAINST_LENGTH: Final = 40
BETWEEN: Final = r"[^0-9*\]\x00-\x08\x0b\x0c\x0e-\x1f]"
"""What may stand between words and a value."""
_LINK: Final = r"(?: ?\(| (?:is|was|as|are|ist|war|est|es|er|to|é|är)(?: [^\W\d_]{1,8}){0,2} )"
_CLAUSE: Final = r"[^0-9*\].,;!?\x00-\x1f]"


def told(
    words: str, value: str, *, before: int = BEFORE, clause: bool = False, ends: str = "(?![0-9A-Za-z_])"
) -> re.Pattern[str]:
    """A pattern for `value` near one of `words`; what it takes is its last group.

    Parameters
    ----------
    words
        Alternatives, see the head of this module.
    value
        A pattern without capturing groups that begins and ends with a letter or digit.
    before
        Characters between words and value, at most.
    clause
        Whether punctuation may not stand between.
    ends
        What may not follow the value, as a pattern of no width.
    """
    said = rf"(?<![A-Za-z]){caseless(words)}s?(?![a-z])"
    gap = _CLAUSE if clause else BETWEEN
    one = f"(?<![0-9A-Za-z_])({value}){ends}"
    return re.compile(f"{said}{gap}{{0,{before}}}?{one}|{one}(?={_LINK}{said})")


def caseless(words: str) -> str:
    """A pattern for text that finds `words` in any case.

    >>> caseless("führerschein|permis")
    '(?ai:f[üÜ]hrerschein|permis)'
    """
    return f"(?ai:{''.join(c if c.isascii() else f'[{c}{c.upper()}]' for c in words)})"


def candidate(words: str) -> bytes:
    r"""A candidate that finds whatever holds one of `words`.

    >>> candidate("née|born")
    b'[^A-Za-z](?i:n(?:\\xc3\\xa9|\\xc3\\x89)e|born)(?i:s?)[^a-z]'
    """
    said = "".join(c if c.isascii() else _either(c) for c in words)
    return b"[^A-Za-z](?i:" + said.encode() + rb")(?i:s?)[^a-z]"


def _either(character: str) -> str:
    """A pattern over UTF-8 for a character, small or large."""
    forms = dict.fromkeys((character, character.upper()))
    spelled = ["".join(map(r"\x{:02x}".format, form.encode())) for form in forms]
    return f"(?:{'|'.join(spelled)})"


def against(text: str, first: int) -> bool:
    """Whether the words right before place `first` say that a number there is nobody's.

    >>> against("order no. 415-555-2671", 10), against("call 415-555-2671", 5)
    (True, False)
    """
    return AGAINST.search(text[max(0, first - _AGAINST_LENGTH) : first]) is not None
