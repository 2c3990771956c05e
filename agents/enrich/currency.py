"""currency: each amount of money as a decimal number and an ISO 4217 code; converted, where there is a file of rates.

>>> run("currency", {"price": "EUR 1.234,50"})["currency"]["price_currency"]["amount"]
'1234.50'
>>> run("currency", {"total": 12.5, "currency": "JPY"})["currency"]["total_currency"]["amount_minor"] is None
True

The currency is the code or symbol in the text, else that of a field beside it (``currency_fields``), else
``default_currency``. A symbol that several currencies have (``$``, ``kr``) is taken for the first of ``prefer`` that
has it, and ``assumed`` says so. Amounts are text, so that no cent is lost; ``amount_minor`` counts the smallest unit,
and is null where the amount has a part of one. ``1,234`` and ``1.234`` mean one thing here and another there: without a
``locale`` the comma groups, the dot does not, and ``ambiguous`` says that it could be otherwise.

What is no amount is named: ``empty``, ``too_long``, ``not_an_amount``, ``no_currency``, ``unknown_currency``,
``ambiguous_currency``, ``out_of_range``.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from babel.numbers import NumberFormatError, get_currency_precision, parse_decimal
from moneyed import CURRENCIES
from pydantic import Field, field_validator

from penstock.agents.enrich._values.rates import Rates
from penstock.agents.enrich._values.siblings import Siblings
from penstock.agents.enrich._values.symbols import symbols
from penstock.agents.enrich._values.values import Invalid
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

GROUP = "currency"


class Config(StageConfig):
    """Options of currency."""

    fields: FieldNames = Field(
        ("amount", "price", "total", "cost", "balance", "fee", "salary", "revenue", "unit_price", "subtotal"),
        description="Fields that hold amounts, as text or as numbers.",
    )
    currency_fields: FieldNames = Field(
        ("currency", "currency_code", "ccy"), description="Fields that say the currency of an amount beside them."
    )
    default_currency: str | None = Field(None, description="Currency of amounts that do not say theirs.")
    prefer: tuple[str, ...] = Field(
        ("USD", "EUR", "GBP", "JPY", "CNY", "SEK", "INR"),
        description="What a symbol of several currencies is taken for; empty: it is named as ambiguous.",
    )
    locale: str | None = Field(
        None, description="How numbers are written, as `de` or `en_IN`; by their look if absent."
    )
    convert_to: str | None = Field(None, description="Currency that amounts are converted to, by the rates.")
    rates: Path | None = Field(
        None, description="JSON or YAML file `{base: EUR, date: 2025-01-08, rates: {USD: 1.03}}`, read at the start."
    )
    cache_size: int = Field(16_384, ge=0, description="Amounts whose meaning is kept.")

    @field_validator("default_currency", "convert_to")
    @classmethod
    def _known(cls, code: str | None) -> str | None:
        if code is not None and code not in CURRENCIES:
            raise ValueError("no currency has this code (ISO 4217), such as EUR")
        return code

    @field_validator("locale")
    @classmethod
    def _locale(cls, locale: str | None) -> str | None:
        try:
            if locale is not None:
                Locale.parse(locale)
        except (ValueError, UnknownLocaleError):
            raise ValueError("no such locale; use a language, or one with a country, as en_IN") from None
        return locale


def build(config: Config) -> EnrichRecord:
    """Compile the stage. Raises ConfigurationError where the file of rates cannot be read, or lacks `convert_to`."""
    find = Siblings(config.fields, config.currency_fields)
    read = lru_cache(config.cache_size, typed=True)(_reader(config))

    def enrich(record: Record) -> Annotations | None:
        bodies: dict[str, Any] = {}
        for label, value, beside in find(record):
            if type(value) not in (str, int, float):
                continue
            try:
                bodies[f"{label}_{GROUP}"] = read(value, beside)
            except Invalid as invalid:
                bodies[f"{label}_{GROUP}"] = invalid.body()
        return {GROUP: bodies} if bodies else None

    return enrich


_LONGEST: Final = 64
"""Characters of an amount with its currency."""


_DIGITS: Final = 24
"""Most digits before the comma, and behind it: more is no money, and would be as long as its exponent is great."""


def _reader(config: Config) -> Callable[[str | float, str | None], dict[str, Any]]:
    rates = Rates.read(config.rates, config.convert_to)

    def read(value: str | float, beside: str | None) -> dict[str, Any]:
        text = value.strip() if isinstance(value, str) else repr(value)
        if not text:
            raise Invalid("empty")
        if len(text) > _LONGEST:
            raise Invalid("too_long")
        sign, written, number = _parts(text)
        amount, ambiguous = _amount(number, config.locale) if isinstance(value, str) else (Decimal(number), False)
        if abs(amount.adjusted()) > _DIGITS:
            raise Invalid("out_of_range")
        code, assumed = _currency(written or (beside or "").strip(), config)
        amount *= sign
        body: dict[str, Any] = {"valid": True, "amount": f"{amount:f}", "currency": code, **_facts(code, amount)}
        body |= {"assumed": True} if assumed else {}
        body |= {"ambiguous": True} if ambiguous else {}
        return body | (rates.converted(amount, code) if rates else {})

    return read


_MONEY = re.compile(
    r"(?P<open>\()?(?P<minus>[-\u2212+]?)\s*(?P<before>[^\d\s.,'()+\u2212-][^\d()+\u2212-]*?)?\s*(?P<minus2>[-\u2212+]?)\s*"
    r"(?P<number>\d[\d.,'\u2019\u066b\u066c\s]*(?:[eE][-+]?\d{1,3})?|[.,]\d+)\s*(?P<after>[^\d\s()][^\d()]*?)?"
    r"(?P<minus3>-)?(?P<close>\))?"
)


def _parts(text: str) -> tuple[int, str, str]:
    """Sign, currency as written (or empty) and number as written. Raises Invalid."""
    match = _MONEY.fullmatch(text)
    if match is None or bool(match["open"]) != bool(match["close"]) or (match["before"] and match["after"]):
        raise Invalid("not_an_amount")
    signs = [mark for mark in (match["minus"], match["minus2"], match["minus3"], match["open"]) if mark]
    if len(signs) > 1:
        raise Invalid("not_an_amount")
    return (1 if not signs or signs == ["+"] else -1), match["before"] or match["after"] or "", match["number"].strip()


_PLAIN = re.compile(r"\d+|\d*\.\d+(?:[eE][-+]?\d{1,3})?|\d+[eE][-+]?\d{1,3}")


def _amount(number: str, locale: str | None) -> tuple[Decimal, bool]:
    """The number, and whether it could be read otherwise. Raises Invalid."""
    if locale is not None:
        try:
            return parse_decimal(number, locale=locale, strict=True), False
        except NumberFormatError:
            raise Invalid("not_an_amount") from None
    spaced = re.sub(r"[\s'\u2019\u066c](?=\d{3}(?!\d))", "", number).replace("\u066b", ".")
    if re.search(r"[\s'\u2019\u066c]", spaced):
        raise Invalid("not_an_amount")
    if "," in spaced and "." in spaced:
        decimal = max(",", ".", key=spaced.rindex)
        group = "." if decimal == "," else ","
        if spaced.count(decimal) > 1 or not _grouped(spaced.partition(decimal)[0], group):
            raise Invalid("not_an_amount")
        return _decimal(spaced.replace(group, "").replace(decimal, ".")), False
    if spaced.count(",") == 1:
        grouped = _grouped(spaced, ",")
        return _decimal(spaced.replace(",", "" if grouped else ".")), grouped
    for group in ",.":
        if spaced.count(group) > 1:
            if not _grouped(spaced, group):
                raise Invalid("not_an_amount")
            return _decimal(spaced.replace(group, "")), False
    return _decimal(spaced), "." in spaced and _grouped(spaced, ".")


def _grouped(digits: str, group: str) -> bool:
    """Whether the digits stand in groups, of three, or of two before the last three as in India."""
    mark = re.escape(group)
    return (
        re.fullmatch(rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|[1-9]\d?(?:{mark}\d{{2}})*{mark}\d{{3}}", digits) is not None
    )


def _decimal(text: str) -> Decimal:
    if not _PLAIN.fullmatch(text):
        raise Invalid("not_an_amount")
    return Decimal(text)


def _currency(written: str, config: Config) -> tuple[str, bool]:
    """The code, and whether it was chosen among several. Raises Invalid."""
    if not written:
        if config.default_currency is None:
            raise Invalid("no_currency")
        return config.default_currency, False
    code = written.strip().rstrip(".").upper()
    if code in CURRENCIES:
        return code, False
    meant = symbols().get(written.strip().casefold())
    if meant is None:
        raise Invalid("unknown_currency")
    if len(meant) == 1:
        return meant[0], False
    wanted = ((config.default_currency,) if config.default_currency else ()) + config.prefer
    chosen = next((each for each in wanted if each in meant), None)
    if chosen is None:
        raise Invalid("ambiguous_currency", candidates=list(meant))
    return chosen, True


def _facts(code: str, amount: Decimal) -> dict[str, Any]:
    digits = get_currency_precision(code)
    minor = amount.scaleb(digits)
    known = CURRENCIES[code]
    whole = minor == minor.to_integral_value() and abs(minor) < 1 << 63
    return {
        "numeric_code": known.numeric,
        "name": known.name,
        "minor_digits": digits,
        "amount_minor": int(minor) if whole else None,
    }
