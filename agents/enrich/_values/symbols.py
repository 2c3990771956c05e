"""What signs of currencies mean, by the Unicode CLDR that Babel brings.

>>> symbols()["€"], "CAD" in symbols()["$"]
(('EUR',), True)
"""

from functools import cache
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.numbers import get_territory_currencies
from moneyed import CURRENCIES

_LOCALES: Final = (
    "ar", "bg", "cs", "da", "de", "de_CH", "en", "en_AU", "en_CA", "en_IN", "en_NZ", "en_PK", "en_SG", "en_ZA", "es",
    "es_AR", "es_CL", "es_CO", "es_MX", "fi", "fr", "fr_CA", "he", "hi", "hu", "id", "is", "ja", "ko", "nb", "pl",
    "pt", "pt_BR", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh", "zh_Hant", "zh_Hant_HK",
)  # fmt: skip
"""Where signs are looked for."""


@cache
def symbols() -> MappingProxyType[str, tuple[str, ...]]:
    """Each sign, in small letters -> the currencies in use today that have it, in the order of the alphabet."""
    in_use = {
        code
        for territory in map(str, Locale("en").territories)
        for code in get_territory_currencies(territory, tender=True)
    } & CURRENCIES.keys()
    found: dict[str, set[str]] = {}
    for name in _LOCALES:
        for code, sign in Locale.parse(name).currency_symbols.items():
            if code in in_use and sign != code and sign.upper() not in CURRENCIES:
                found.setdefault(sign.strip("\u200e\u200f ").casefold(), set()).add(code)
    return MappingProxyType({sign: tuple(sorted(codes)) for sign, codes in found.items()})
