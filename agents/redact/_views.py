"""Other spellings of a text, and where each of their characters stands in the text as it is.

Always: percent-encoding undone, full-width forms made narrow, characters without width left out. In a thorough search
also: letters of other scripts that look like Latin ones, ``at`` and ``dot`` in words, digits spaced out or with
dots between. On request: what is written in base64.
"""

import binascii
import re
import unicodedata
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote

import orjson


class View(NamedTuple):
    """A spelling of a text.

    Attributes
    ----------
    text : str
    starts, ends : list of int
        For each of its characters the place where what it was made of begins, and where that ends.
    """

    text: str
    starts: list[int]
    ends: list[int]

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Where the characters from `first` to `last` stand in the text as it is."""
        return self.starts[first], self.ends[last - 1]


Make = Callable[[str], View | None]

CANDIDATE: Final = (
    rb"%(?:40|2[8BDEbde]|3[0-9Aa])|[0-9]%20[0-9]|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad|"
    rb"\xef\xbc[\x81-\xbf]|\xef\xbd[\x80-\x9e]|\xe3\x80\x80"
)
"""Finds, in UTF-8, whatever has a spelling that is always looked at."""

JSON: Final = rb"\x00[ \t\r\n]{0,8}[{\[][ \t\r\n]{0,8}[{\[\"]"
"""Finds, in UTF-8, whatever may be JSON in a text."""

# RFC 8259. All of it possessive, and no string is begun twice: broken JSON takes no longer than whole.
_BLANK: Final = r"[ \t\r\n]*+"
_OPEN: Final = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+'
_NUMBER: Final = r"-?[0-9]++(?:\.[0-9]++)?+(?:[eE][+\-]?[0-9]++)?+(?![0-9A-Za-z_.+\-])"
_ANY: Final = f'{_OPEN}"|{_NUMBER}|true|false|null'
_SCALAR: Final = re.compile(_ANY)
_LIST: Final = rf"\[{_BLANK}(?:(?:{_ANY}){_BLANK},{_BLANK})*+(?:{_ANY}){_BLANK}\]"
_FIELD: Final = re.compile(rf'({_OPEN}")(?:{_BLANK}:{_BLANK}({_ANY}|{_LIST}))?+|{_OPEN}')
_TOKEN: Final = re.compile(rf'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|(?<![0-9A-Za-z_.+\-])({_NUMBER})', re.DOTALL)
_LONGEST_NAME: Final = 64
_UNFIT: Final = re.compile(r'["\\\x00-\x1f]')

# signs that separate the parts of what is looked for, and digits
_TELLING: Final = re.compile("%(?:40|2[8BDEbde]|3[0-9Aa])|[0-9]%20[0-9]")
_ESCAPES: Final = re.compile("(?:%[0-9A-Fa-f]{2})+")
_INVISIBLE: Final = "\u00ad\u200b-\u200f\u2060\ufeff"
_ODD: Final = re.compile(f"[{_INVISIBLE}]+|[\uff01-\uff5e]|\u3000")
_WIDE: Final = 0xFEE0  # from a full-width form to the narrow one
_BASE64: Final = re.compile(r"(?<![0-9A-Za-z+/_=\-])[0-9A-Za-z+/_\-]{16,}={0,2}(?![0-9A-Za-z+/_=\-])")
_PRINTABLE: Final = 0.95
# letters of Cyrillic and Greek that look like Latin ones (Unicode's confusables, the part people use)
_LOOKALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u0410\u0412\u0415\u041a\u041c\u041d"
    "\u041e\u0420\u0421\u0422\u0425\u03bf\u03b1\u03bd\u03c1\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f",
    "aeopcyxijshdwABEKMHOPCTXoavpABEZHIKMNO",
)
_ENDINGS: Final = "com|org|net|edu|gov|info|io|co|uk|us|eu|de|fr|es|it|nl|pl|at|ch|be|se|dev|app|biz|example"
_WORDS: Final = re.compile(
    r"(?i:[ ]*[\[({<][ ]*(?P<a>at|arobase|arroba|@)[ ]*[\])}>][ ]*"
    r"|[ ]*[\[({<][ ]*(?P<b>dot|punkt|point|punto|\.)[ ]*[\])}>][ ]*"
    r"|[ ]+(?P<c>at)[ ]+(?!(?:the|a|an|my|our|your|his|her|their|this|that)[ ])"
    rf"(?=(?:[0-9a-z\-]{{2,40}}[ ]+(?:dot|punkt|punto)[ ]+){{1,3}}(?:{_ENDINGS})(?![0-9a-z]))"
    rf"|[ ]+(?P<d>dot|punkt|punto)[ ]+(?=(?:[0-9a-z\-]{{2,40}}[ ]+(?:dot|at)[ ]+){{0,3}}(?:{_ENDINGS})(?![0-9a-z])))"
)
_SPACED: Final = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ .\-_][0-9]){8,}(?![0-9A-Za-z])")


def views(*, thorough: bool, decode_base64: bool) -> list[Make]:
    """What makes the spellings that are asked for; each gives None where a text has no such other spelling."""
    made: list[Make] = [_unescaped, _thorough if thorough else _narrow]
    return [*made, _decoded] if decode_base64 else made


def fields(text: str) -> Iterator[tuple[str, int, int]]:
    """The fields of JSON in a text that hold scalars or lists of such: name, and where the value begins and ends."""
    if _begins(text):
        for match in _FIELD.finditer(text):
            if match[2] is not None and len(name := _clear(match[1])) <= _LONGEST_NAME:
                yield name, *match.span(2)


def scalars(text: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    """The texts and numbers in a value of JSON: what each says, and where that begins and ends, without quotes."""
    for match in _SCALAR.finditer(text, start, end):
        first, last = match.span()
        if text[first] == '"':
            if last - first > len('""'):
                yield _clear(match[0]), first + 1, last - 1
        elif text[first] not in "tfn":
            yield match[0].removesuffix(".0"), first, last


def quoted(text: str, pieces: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """What will stand in place of which characters of `text`, in their order, so that JSON stays JSON.

    Quotes make texts of the numbers that are replaced, whole or in part. A text that is no JSON gets none.
    """
    if not _begins(text):
        return pieces
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return pieces
    marks = {(at, order) for first, last in _numbers(text, pieces) for at, order in ((first, 1), (last, 0))}
    ordered = [(first, 2, last, new) for first, last, new in pieces]
    ordered += [(at, order, at, '"') for at, order in marks]
    return [(first, last, new) for first, _, last, new in sorted(ordered)]


def _begins(text: str) -> bool:
    """Whether a text begins as an object or a list does."""
    return text.lstrip(" \t\r\n")[:1] in ("{", "[")


def _numbers(text: str, pieces: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int]]:
    """Where the numbers of JSON stand in which something is replaced."""
    left = iter(pieces)
    piece = next(left, None)
    for match in _TOKEN.finditer(text):
        while piece is not None and piece[1] <= match.start():
            piece = next(left, None)
        if piece is None:
            return
        if match[1] and piece[0] < match.end():
            yield match.span()


def _clear(string: str) -> str:
    """What a string of JSON says; what it could not hold as it is becomes a blank."""
    if "\\" not in string:
        return string[1:-1]
    try:
        return _UNFIT.sub(" ", orjson.loads(string))
    except orjson.JSONDecodeError:  # half of a surrogate pair
        return _UNFIT.sub(" ", string[1:-1])


def _narrow(text: str) -> View | None:
    """Full-width forms narrow, nothing without width."""
    if text.isascii() or not _ODD.search(text):
        return None
    return _replaced(text, ((m.start(), m.end(), _plain(m[0])) for m in _ODD.finditer(text)))


def _plain(odd: str) -> str:
    if odd == "\u3000":
        return " "
    return chr(ord(odd) - _WIDE) if "\uff01" <= odd[0] <= "\uff5e" else ""


def _unescaped(text: str) -> View | None:
    """Percent-encoding undone (RFC 3986, 2.1)."""
    if "%" not in text or not _TELLING.search(text):
        return None
    return _replaced(text, ((m.start(), m.end(), unquote(m[0], errors="replace")) for m in _ESCAPES.finditer(text)))


def _thorough(text: str) -> View | None:
    """Every disguise off."""
    view = _narrow(text) or View(text, list(range(len(text))), list(range(1, len(text) + 1)))
    plain = view.text
    if not plain.isascii():
        plain = "".join(_ascii_digit(c) for c in plain.translate(_LOOKALIKES))
    view = _over(view, plain, ((m.start(), m.end(), _sign(m)) for m in _WORDS.finditer(plain)))
    gaps = [at for m in _SPACED.finditer(view.text) for at in range(m.start() + 1, m.end(), 2)]
    view = _over(view, view.text, ((at, at + 1, "") for at in gaps))
    return None if view.text == text else view


def _ascii_digit(character: str) -> str:
    return str(unicodedata.digit(character)) if character.isdigit() and not character.isascii() else character


def _sign(match: re.Match[str]) -> str:
    return "@" if match["a"] or match["c"] else "."


def _decoded(text: str) -> View | None:
    """With what is base64 (RFC 4648) and decodes to text decoded; each such character stands where the whole does."""
    pieces = [(m.start(), m.end(), clear) for m in _BASE64.finditer(text) if (clear := _text(m[0])) is not None]
    return _replaced(text, pieces) if pieces else None


def _text(encoded: str) -> str | None:
    padded = encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
    decode = urlsafe_b64decode if "-" in encoded or "_" in encoded else b64decode
    try:
        text = decode(padded).decode()
    except (binascii.Error, ValueError):
        return None
    printable = sum(character.isprintable() or character.isspace() for character in text)
    return text if text and printable >= _PRINTABLE * len(text) else None


def _replaced(text: str, pieces: Iterable[tuple[int, int, str]]) -> View:
    return _over(View(text, list(range(len(text))), list(range(1, len(text) + 1))), text, pieces)


def _over(view: View, text: str, pieces: Iterable[tuple[int, int, str]]) -> View:
    """`text`, which is as long as the text of `view`, with some of its pieces replaced."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    behind = 0
    for first, last, new in pieces:
        parts += (text[behind:first], new)
        starts += view.starts[behind:first] + [view.starts[first]] * len(new)
        ends += view.ends[behind:first] + [view.ends[last - 1]] * len(new)
        behind = last
    parts.append(text[behind:])
    return View("".join(parts), starts + view.starts[behind:], ends + view.ends[behind:])
