"""email: addresses of the form ``local@domain.tld``, internationalised ones as well (RFC 5321, RFC 6531, RFC 5890).

The local part is taken from the characters that mail providers give out (letters, digits, ``. _ % + ' ~ -``, and
what is not ASCII); rarer ones that the RFC allows end it, so that ``to=a@b.org`` loses the address and keeps ``to=``.
Scripts without blanks between words (Chinese, Japanese, Thai) belong to an address only where it could not be one
without them. Quoted local parts and hosts without a dot are not looked for.

>>> validate("ann@example.com"), validate("icon@2x.png")
(True, False)
"""

import re
from typing import Final

CATEGORY: Final = "email"
SEVERITY: Final = "high"

# Characters above ASCII of which a word can be made, without blanks, punctuation, emoji and full-width forms.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_SPACED: Final = (
    "\u00aa\u00b5\u00ba\u00c0-\u0dff\u0f00-\u0fff\u10a0-\u177f\u1800-\u1fff\u200c\u200d\u2c00-\u2dff\ua000-\uabff"
    "\ufb00-\ufdff\ufe70-\ufefe\U00010000-\U0001efff"
)

_LOCAL: Final = "A-Za-z0-9._%+'~\\-"
_LABEL: Final = f"[A-Za-z0-9\\-{_SPACED}]{{1,63}}+"
_WIDE_LABEL: Final = f"[A-Za-z0-9\\-{_SPACED}{_UNSPACED}]{{1,63}}+"
_DOMAIN: Final = f"(?:{_LABEL}(?:\\.{_LABEL})++|{_WIDE_LABEL}(?:\\.{_WIDE_LABEL})++)"

CANDIDATE: Final = (
    rb"[A-Za-z0-9._%+'~\-\x80-\xff]@[A-Za-z0-9\-\x80-\xff]",
    rb"[\x80-\xff]@[A-Za-z0-9\-\x80-\xff]",
)
# possessive throughout and begun at the start of a run only: linear in the length of the text
EXACT: Final = (
    re.compile(
        f"(?<![{_LOCAL}{_SPACED}])[.%+'~\\-]*+([A-Za-z0-9_{_SPACED}][{_LOCAL}{_SPACED}]*+@{_DOMAIN})",
    ),
    re.compile(f"(?<![{_LOCAL}{_SPACED}{_UNSPACED}])([{_LOCAL}{_SPACED}{_UNSPACED}]++(?<=[{_UNSPACED}])@{_DOMAIN})"),
)
SHORTENS: Final = True
FIELD_NAMES: Final = (
    "email",
    "e_mail",
    "email_address",
    "mail",
    "mail_address",
    "courriel",
    "correo",
    "correo_electronico",
)
FIELD_VALUE: Final = re.compile(r"\s*[^\s@*]+@[^\s@*]+\s*")

_LAST_LABEL: Final = re.compile(f"[A-Za-z{_SPACED}{_UNSPACED}]{{2,63}}|(?i:xn--)[A-Za-z0-9\\-]+")
_RETINA: Final = re.compile(r"[1-9](?:\.[0-9]+)?x\.(?:png|jpe?g|gif|svg|webp|bmp|ico|pdf)", re.IGNORECASE)


def validate(text: str) -> bool:
    """Whether the domain can be one: its last label has no digits, and it is no file name of the kind ``@2x.png``."""
    local, _, domain = text.rpartition("@")
    name, _, last = domain.rpartition(".")
    return bool(local and name and _LAST_LABEL.fullmatch(last)) and not _RETINA.fullmatch(domain)


def canonical(text: str) -> str:
    """In lower case: no provider tells addresses apart by case."""
    return text.strip().lower()


def mask(text: str) -> str:
    """First character of a local part of three and more, first of the domain, and the last label.

    >>> mask("john@example.com"), mask("jo@example.com")
    ('j***@e***.com', '***@e***.com')
    """
    local, _, domain = text.strip().rpartition("@")
    last = domain.rpartition(".")[2] if "." in domain else ""
    first = local[0] if len(local) > 2 else ""
    return f"{first}***@{domain[:1]}***{'.' if last else ''}{last}"


EXAMPLES: Final = {
    "positive": (
        "john@example.com",
        "john.doe+tag@mail.example.co.uk",
        "JOHN@EXAMPLE.COM",
        "o'brien@example.ie",
        "a@b.co",
        "1234567890@example.com",
        "user_name-1@sub-domain.example.org",
        "jürgen@müller.de",
        "用户@例子.广告",
        "почта@пример.рф",
        "ann@xn--mller-kva.xn--p1ai",
        "user%example.com@example.org",
    ),
    "negative": (
        "john@example",
        "@example.com",
        "john@.com",
        "john@example.1",
        "icon@2x.png",
        "lodash@4.17.21",
        "j***@e***.com",
        "***@e***.com",
        "john at example.com",
    ),
}
