"""Dates and sums of money in a text, in English, German, French and Spanish."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from penstock.agents.enrich._text.indicators import Found

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier enero",
            "february feb februar février fevrier febrero",
            "march mar märz maerz mars marzo",
            "april apr avril abril",
            "may mai mayo",
            "june jun juni juin junio",
            "july jul juli juillet julio",
            "august aug août aout agosto",
            "september sept sep septembre septiembre",
            "october oct oktober okt octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre",
        ),
        1,
    )
    for name in names.split()
}
_NAMES: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_AMBIGUOUS: Final = frozenset(("may", "mar", "march", "sep", "dec"))
"""Words, too; with a capital that begins no sentence, or a year, they are months."""
_ISO: Final = re.compile(
    r"(?<![\w.-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?(?![\w-])"
)
_NUMERIC: Final = re.compile(r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d)")
_DAY_FIRST: Final = re.compile(
    rf"(?<![\w.])(\d{{1,2}})(?:st|nd|rd|th|er|\.)?(?: of| de)? ({_NAMES})(?:\.?,?(?: de| of)? (\d{{4}}))?(?!\w)",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    rf"(?<!\w)(?=[jfmasonde])({_NAMES})\.? (\d{{1,2}})(?:st|nd|rd|th)?(?:,? (\d{{4}}))?(?![\w:]|[.,]\d)", re.IGNORECASE
)
_MONTH: Final = re.compile(
    rf"(?<!\w)(?<!\d )(?<!\d[.] )(?=[jfmasonde])({_NAMES})\.?,?(?: de| of)? (\d{{4}})(?!\w)", re.IGNORECASE
)

_SIGNS: Final = {
    "$": "USD",
    "US$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₿": "BTC",
}
_CODES: Final = (
    "USD|EUR|GBP|JPY|CHF|CNY|INR|RUB|KRW|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|TRY|BRL|MXN|ZAR|SGD|"
    "HKD|ILS|AED|SAR|THB|UAH|BTC|ETH|XMR"
)
_WORDS: Final = {
    "dollar": "USD", "dollars": "USD", "euro": "EUR", "euros": "EUR", "pounds": "GBP", "pound sterling": "GBP",
    "pounds sterling": "GBP", "yen": "JPY", "yuan": "CNY", "rupees": "INR", "roubles": "RUB", "rubles": "RUB",
    "francs": "CHF", "franken": "CHF", "dólares": "USD", "pesos": "", "bitcoin": "BTC", "bitcoins": "BTC", "cents": "",
}  # fmt: skip
_SCALES: Final = {
    "k": 3, "thousand": 3, "tausend": 3, "mille": 3, "mil": 3,
    "m": 6, "mn": 6, "mm": 6, "million": 6, "millions": 6, "millionen": 6, "mio": 6, "millones": 6, "millón": 6,
    "bn": 9, "b": 9, "billion": 9, "billions": 9, "milliarden": 9, "milliarde": 9, "mrd": 9, "milliards": 9,
    "tn": 12, "trillion": 12, "trillions": 12,
}  # fmt: skip
_NUMBER: Final = r"\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d{1,8})?"
_SCALE: Final = "|".join(sorted(_SCALES, key=len, reverse=True))
_STOP: Final = r"(?:(?<=[Mm][Ii][Oo])\.|(?<=[Mm][Rr][Dd])\.)?"
_SIGN: Final = r"US\$|[$€£¥₹₽₩₿]"
_BEFORE: Final = re.compile(
    rf"(?<![\w$€£])({_SIGN}|(?:{_CODES})(?= ?\d)) ?({_NUMBER})(?:[ -]?({_SCALE})(?!\w){_STOP})?(?!\w)", re.IGNORECASE
)
_AFTER: Final = re.compile(
    rf"(?<![\w.,$€£])({_NUMBER})(?:[ -]?({_SCALE}){_STOP})?"
    rf"(?:[ \u00a0-]?([€£¥₹₽₩₿$])|[ -](?:(?:US|U\.S\.) )?({_CODES}|{'|'.join(_WORDS)})(?!\w))",
    re.IGNORECASE,
)


def amounts(text: str) -> Iterator[Found]:
    """Dates (ISO 8601 in ``value`` where one reading is possible) and money (currency and amount), in no order."""
    if any(char.isdigit() for char in text):
        yield from _dates(text)
        yield from _money(text)


def _dates(text: str) -> Iterator[Found]:
    for match in _ISO.finditer(text):
        if day := _day(match[1], match[3], match[4]):
            yield Found("date", *match.span(), 0.95, "" if match[0] == day else day)
    for match in _NUMERIC.finditer(text):
        first, second = int(match[1]), int(match[3])
        year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
        european = _day(year, match[3], match[1])
        american = _day(year, match[1], match[3]) if match[2] != "." else None
        if (european or american) and (len(match[4]) == 4 or match[2] != "-"):
            one = european if match[2] == "." or american is None else american if european is None else None
            one = european if first == second else one
            yield Found("date", *match.span(), 0.9 if len(match[4]) == 4 else 0.7, one or "")
    for pattern, month, number, year in ((_DAY_FIRST, 2, 1, 3), (_MONTH_FIRST, 1, 2, 3)):
        for match in pattern.finditer(text):
            word = match[month].lower() in _AMBIGUOUS and not match[year]
            if word and (not match[month][0].isupper() or f". {match[month]}" in match[0]):
                continue  # "6 may", and "from 5 to 6. May I"
            day = _day(match[year] or "2000", str(_MONTHS[match[month].lower()]), match[number])
            if day:
                whole = day if match[year] else f"--{day[5:]}"
                yield Found("date", *match.span(), 0.95 if match[year] else 0.8, whole)
    for match in _MONTH.finditer(text):
        yield Found("date", *match.span(), 0.85, f"{match[2]}-{_MONTHS[match[1].lower()]:02}")


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat() if 1000 <= int(year) <= 2999 else None
    except ValueError:
        return None


def _money(text: str) -> Iterator[Found]:
    for match in _BEFORE.finditer(text):
        currency = _SIGNS.get(match[1].upper()) or match[1].upper()
        if match[1][0].isalpha() and match[1] != match[1].upper():
            continue
        if value := _value(match[2], match[3]):
            yield Found("money", match.start(), match.end(), 0.95, f"{currency} {value}")
    for match in _AFTER.finditer(text):
        if (
            match[4]
            and match[4].upper() in _CODES.split("|")
            and match[4] != match[4].upper()
            and match[4].lower() not in _WORDS
        ):
            continue
        currency = _SIGNS.get(match[3] or "") or _WORDS.get((match[4] or "").lower()) or ""
        if match[4] and match[4].lower() not in _WORDS:
            currency = match[4].upper()
        if value := _value(match[1], match[2]):
            yield Found("money", match.start(), match.end(), 0.9, f"{currency} {value}".strip())


def _value(number: str, scale: str | None) -> str | None:
    """A number in any punctuation, as plain decimal digits; None where it is none."""
    bare = re.sub(r"[' \u00a0\u202f]", "", number)
    marks = [mark for mark in bare if mark in ".,"]
    if marks:
        last = marks[-1]
        decimals = len(bare) - bare.rindex(last) - 1
        if len(set(marks)) == 1 and (len(marks) > 1 or decimals == 3):  # 1.234.567 and 1,234
            bare = bare.replace(last, "")
        else:
            bare = bare.replace("," if last == "." else ".", "").replace(last, ".")
    try:
        value = Decimal(bare).scaleb(_SCALES[scale.lower()] if scale else 0)
    except InvalidOperation:
        return None
    return format(value.normalize(), "f") if len(bare) < 30 else None
