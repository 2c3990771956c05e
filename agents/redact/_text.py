"""The characters that recognizers share, once for text (`EXACT`) and once for bytes (`CANDIDATE`).

An exact pattern sees the text of one value, a candidate sees the texts of many values as UTF-8, each between NUL bytes.
What an exact pattern takes must never hold a quote, a backslash or a control character, so that JSON that stands in a
text stays JSON.
"""

import re
from typing import Final

DASHES: Final = "\\-\u2010-\u2015"
"""Hyphen, the dashes of Unicode; for a character class."""
BLANKS: Final = " \u00a0\u2007\u2009\u202f"
"""Spaces that people type or word processors put into numbers; for a character class."""

DASH_BYTES: Final = rb"(?:-|\xe2\x80[\x90-\x95])"
BLANK_BYTES: Final = rb"(?: |\xc2\xa0|\xe2\x80[\x87\x89\xaf])"

LEFT: Final = rb"[^0-9A-Za-z_]"
"""What `begins` lets stand before a match; NUL where a text begins."""
RIGHT: Final = rb"[^0-9A-Za-z_]"
ENDS: Final = r"(?![0-9A-Za-z_])"


def begins(first: str, *behind: str) -> str:
    r"""A pattern for the first character of a match, which no ASCII word character stands before.

    The look-behind stands after the character, because Python's `re` skips fast to a leading class only.

    Parameters
    ----------
    first
        A character class of width one.
    behind
        Further patterns of fixed width that must not stand before it.

    >>> begins("[0-9]", r"[0-9]\.")
    '[0-9](?<![0-9A-Za-z_][0-9])(?<![0-9]\\.[0-9])'
    """
    return first + "".join(f"(?<!{pattern}{first})" for pattern in ("[0-9A-Za-z_]", *behind))


ANYTHING: Final = re.compile(r"(?!hash:)(?=[^*\[\]]*[^\W_])[^*\[\]\x00-\x08\x0e-\x1f]{1,2000}")
"""The value of a field that is personal by its name, whatever it is: a text with a letter or digit, not hidden yet."""

_NOT_DIGITS: Final = bytes(byte for byte in range(256) if not 0x30 <= byte <= 0x39)
_STARS: Final = str.maketrans(dict.fromkeys("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "*"))
_NOT_WORD: Final = re.compile("[^0-9A-Za-z]+")
_WORD: Final = re.compile("[0-9A-Za-z]")


def digits(text: str) -> str:
    """The ASCII digits of `text`."""
    return text.encode("utf-8", "replace").translate(None, _NOT_DIGITS).decode()


def plain(text: str) -> str:
    """The ASCII letters and digits of `text`, in capitals.

    >>> plain("ab 12-34.56 c")
    'AB123456C'
    """
    return _NOT_WORD.sub("", text).upper()


def stars(text: str, keep: int = 0) -> str:
    """`text` with a star for each letter and digit but the last `keep` of them.

    >>> stars("4111 1111 1111 1111", keep=4)
    '**** **** **** 1111'
    """
    if not text.isascii():
        places = [at for at, character in enumerate(text) if character.isalnum()]
        hidden = frozenset(places[:-keep] if keep else places)
        return "".join("*" if at in hidden else character for at, character in enumerate(text))
    ends = [match.start() for match in _WORD.finditer(text)] if keep and not text[-keep:].isalnum() else None
    cut = len(text) - keep if ends is None else ends[-keep] if len(ends) >= keep else 0
    return text[:cut].translate(_STARS) + text[cut:]
