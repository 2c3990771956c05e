"""street_address: streets with a number as English, German, French and Spanish write them.

A heuristic: the kind of street must be named (``Street``, ``straße``, ``rue``, ``calle``). Looked for where asked for
only; docs/RECOGNIZERS.md says how much of the test corpus it finds.

>>> validate("221B Baker Street"), validate("Musterstraße 12")
(True, True)
"""

import re
from typing import Final

CATEGORY: Final = "street_address"
SEVERITY: Final = "high"
BY_DEFAULT: Final = False
CONFIDENCE: Final = (0.8, 0.8, 0.8, 0.8)

_UPPER: Final = "A-Z\u00c0-\u00de"
_LOWER: Final = "a-z\u00df-\u00ff"
_WORD: Final = f"[{_UPPER}][{_UPPER}{_LOWER}'\u2019\\-]{{1,25}}"
_NUMBER: Final = "[0-9]{1,5}[A-Za-z]?(?:[-/][0-9]{1,4}[a-z]?)?"
_BEGINS: Final = "(?<![0-9A-Za-z_.\\-/])"
_ENDS: Final = "(?![0-9A-Za-z_])"
_KINDS: Final = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Square|Sq|Terrace|Ter|Close|"
    "Crescent|Cres|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Trail|Trl|Row|Mews|Gardens|Grove|Hill|Plaza|Loop|Alley|Broadway"
)
_ENGLISH: Final = (
    f"{_BEGINS}{_NUMBER} (?:[NSEW]\\.? )?(?:(?:{_WORD}|[0-9]{{1,3}}(?:st|nd|rd|th)) ){{1,4}}(?:{_KINDS})(?![A-Za-z])"
    "(?: [NSEW](?![A-Za-z]))?(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor)\\.? ?[0-9A-Za-z\\-]{1,6})?"
)
_GERMAN: Final = (
    f"(?<![A-Za-z])[{_UPPER}][{_UPPER}{_LOWER}\\-]{{0,30}}[ -]?"
    f"(?ai:stra(?:ss|\u00df)e|str\\.|weg|platz|allee|gasse|ring|damm|ufer) {_NUMBER}{_ENDS}"
)
_FRENCH: Final = (
    f"{_BEGINS}[0-9]{{1,4}}(?: bis| ter)?,? (?ai:rue|avenue|boulevard|place|chemin|all[\u00e9\u00c9]e|impasse|quai|"
    f"cours|route)(?: (?:de|du|des|la|le|les|aux?)(?![A-Za-z])| [ld]['\u2019](?={_WORD}))*"
    f"(?:(?: |(?<=['\u2019])){_WORD}){{1,4}}"
)
_SPANISH: Final = (
    "(?<![A-Za-z])(?:Calle|calle|C/|Avenida|avenida|Avda\\.?|Plaza|Paseo|Camino|Carrer) ?"
    f"(?:(?:de|del|la|las|los|el|y) |{_WORD},? ){{1,6}}(?:n[\u00bao]\\.? ?)?[0-9]{{1,4}}{_ENDS}"
)

CANDIDATE: Final = (
    rb"[0-9][A-Za-z]? [0-9A-Z\x80-\xff][^\0]{1,60}(?:" + _KINDS.encode() + b")[^A-Za-z]",
    rb"(?i:stra(?:ss|\xc3\x9f)e|str\.|weg|platz|allee|gasse|ring|damm|ufer) [0-9]",
    rb"[0-9](?: bis| ter)?,? (?i:rue|avenue|boulevard|place|chemin|all[\x80-\xff]{2}e|impasse|quai|cours|route) ",
    rb"(?:[Cc]alle|C/|[Aa]venida|Avda|Plaza|Paseo|Camino|Carrer)[^\0]{2,150}[0-9]",
)
EXACT: Final = (re.compile(_ENGLISH), re.compile(_GERMAN), re.compile(_FRENCH), re.compile(_SPANISH))
FIELD_NAMES: Final = (
    "address",
    "street",
    "street_address",
    "home_address",
    "address_line",
    "mailing_address",
    "billing_address",
    "shipping_address",
    "postal_address",
    "residence",
    "strasse",
    "stra\u00dfe",
    "anschrift",
    "adresse",
    "direccion",
    "domicilio",
    "rue",
    "calle",
)
FIELD_VALUE: Final = re.compile(r"\s*(?!hash:)(?=[^\x00-\x1f]{0,80}[A-Za-z])[^\x00-\x1f*\[\]@]{5,200}(?<![*\s])\s*")


def validate(text: str) -> bool:
    """Whether `text` holds a number, as the pattern has seen to."""
    return any(character.isdigit() for character in text)


EXAMPLES: Final = {
    "positive": (
        "221B Baker Street",
        "1600 Pennsylvania Ave",
        "Musterstraße 12",
        "Hauptstr. 5a",
        "12 rue de la Paix",
        "Calle Mayor 15",
        "742 Evergreen Terrace, Apt 3",
    ),
    "negative": (
        "Baker Street",
        "12 apples on the road",
        "version 12 Street",
        "la rue est longue",
        "12 rue",
        "Calle sin numero",
    ),
}
