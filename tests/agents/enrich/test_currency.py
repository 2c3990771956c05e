"""currency: amounts as people and programs write them, currencies by code, symbol and neighbour, rates from a file."""

import doctest
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from babel.numbers import format_currency
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents.enrich import currency
from penstock.agents.enrich._values import symbols as _symbols
from penstock.agents.enrich._values.values import Invalid
from penstock.model.errors import ConfigurationError


def body(run: Any, value: Any, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = run("currency", {"price": value}, **options)["currency"]["price_currency"]
    return found


def test_docstring(run: Any) -> None:
    for module in (currency, _symbols):
        parsed = doctest.DocTestParser().get_doctest(
            module.__doc__ or "", {"run": run, **vars(module)}, module.__name__, None, None
        )
        assert doctest.DocTestRunner().run(parsed).failed == 0


def test_the_whole_shape(run: Any) -> None:
    assert body(run, "€ 1.234,50") == {
        "valid": True,
        "amount": "1234.50",
        "currency": "EUR",
        "numeric_code": "978",
        "name": "Euro",
        "minor_digits": 2,
        "amount_minor": 123450,
    }


@pytest.mark.parametrize(
    ("value", "amount", "code"),
    [
        ("EUR 1.234,50", "1234.50", "EUR"),
        ("1,234.50 EUR", "1234.50", "EUR"),
        ("12,5 €", "12.5", "EUR"),
        ("1\u202f234,56\u00a0€", "1234.56", "EUR"),
        ("1'234.50 CHF", "1234.50", "CHF"),
        ("CHF 1’234.50", "1234.50", "CHF"),
        ("12,34,567.00 INR", "1234567.00", "INR"),
        ("₹1,00,000", "100000", "INR"),
        ("1.234.567 EUR", "1234567", "EUR"),
        ("-£3", "-3", "GBP"),
        ("£-3", "-3", "GBP"),
        ("(€3)", "-3", "EUR"),
        ("\u22123 EUR", "-3", "EUR"),
        ("12 Kč", "12", "CZK"),
        ("R$ 10", "10", "BRL"),
        ("US$ 5", "5", "USD"),
        ("zł 5", "5", "PLN"),
        ("0.001 KWD", "0.001", "KWD"),
        ("5 eur", "5", "EUR"),
        ("1e3 EUR", "1000", "EUR"),
        (".5 EUR", "0.5", "EUR"),
    ],
)
def test_how_people_write(run: Any, value: str, amount: str, code: str) -> None:
    found = body(run, value)
    assert (found["amount"], found["currency"]) == (amount, code)
    assert "assumed" not in found


@pytest.mark.parametrize(("value", "amount"), [("1,234 EUR", "1234"), ("1.234 EUR", "1.234")])
def test_one_separator_before_three_digits_is_ambiguous(run: Any, value: str, amount: str) -> None:
    found = body(run, value)
    assert (found["amount"], found["ambiguous"]) == (amount, True)


@pytest.mark.parametrize(("locale", "value"), [("de", "1.234 EUR"), ("en", "1,234 EUR"), ("fr", "1\u202f234 EUR")])
def test_with_a_locale_nothing_is_ambiguous(run: Any, locale: str, value: str) -> None:
    found = body(run, value, locale=locale)
    assert found["amount"] == "1234"
    assert "ambiguous" not in found
    assert body(run, "1,2.3,4 EUR", locale=locale)["reason"] == "not_an_amount"


def test_a_symbol_of_several_currencies(run: Any) -> None:
    assert (body(run, "$5")["currency"], body(run, "$5")["assumed"]) == ("USD", True)
    assert body(run, "$5", default_currency="CAD")["currency"] == "CAD"
    named = body(run, "$5", prefer=[])
    assert named["reason"] == "ambiguous_currency"
    assert {"USD", "CAD", "AUD"} <= set(named["candidates"])


def test_the_currency_beside_it(run: Any) -> None:
    data = {"items": [{"price": 12.5, "currency": "JPY"}, {"price": "3", "ccy": "€"}, {"price": "£3", "ccy": "EUR"}]}
    found = run("currency", data)["currency"]
    assert [(each["amount"], each["currency"]) for each in found.values()] == [
        ("12.5", "JPY"),
        ("3", "EUR"),
        ("3", "GBP"),
    ]
    assert [each["amount_minor"] for each in found.values()] == [None, 300, 300]


@pytest.mark.parametrize(
    ("value", "amount"),
    [(12.5, "12.5"), (-3, "-3"), (0, "0"), (1.234, "1.234"), (2**60, str(2**60)), (1e22, "1" + "0" * 22)],
)
def test_numbers(run: Any, value: float, amount: str) -> None:
    found = body(run, value, default_currency="EUR", locale="de")  # a number in JSON has no locale
    assert found["amount"] == amount
    assert "ambiguous" not in found


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("abc", "not_an_amount"),
        ("EUR", "not_an_amount"),
        ("1,2,3 EUR", "not_an_amount"),
        ("1.2.3 EUR", "not_an_amount"),
        ("--5 EUR", "not_an_amount"),
        ("EUR 5 EUR", "not_an_amount"),
        ("(5 EUR", "not_an_amount"),
        ("5 6 EUR", "not_an_amount"),
        ("5", "no_currency"),
        (5, "no_currency"),
        ("5 XYZ", "unknown_currency"),
        ("5 apples", "unknown_currency"),
        ("1e300 EUR", "out_of_range"),
        ("1e-300 EUR", "out_of_range"),
        ("5" * 100, "too_long"),
    ],
)
def test_what_is_no_amount_is_named(run: Any, value: Any, reason: str) -> None:
    assert body(run, value) == {"valid": False, "reason": reason}


@pytest.mark.parametrize("value", [None, True, {}])
def test_what_is_neither_text_nor_a_number_gets_nothing(run: Any, value: Any) -> None:
    assert run("currency", {"price": value}) is None


@settings(derandomize=True, max_examples=300)
@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.sampled_from(["EUR", "USD", "GBP", "CHF", "INR", "PLN"]),
    st.sampled_from(["en", "de", "fr", "es", "pl", "it", "pt_BR"]),
)
def test_what_a_locale_writes_is_read(value: Decimal, code: str, locale: str) -> None:
    text = format_currency(value, code, "#,##0.00\u00a0¤¤", locale=locale)
    assert Decimal(currency._reader(currency.Config(locale=locale))(text, None)["amount"]) == value
    found = currency._reader(currency.Config())(text, None)  # two digits behind the mark: told by its look
    assert (Decimal(found["amount"]), found["currency"]) == (value, code)


@settings(derandomize=True, max_examples=300)
@given(st.text(max_size=20) | st.text("0123456789.,'- ()€$kreEUR\u00a0", max_size=20))
def test_any_text_is_read_or_named(value: str) -> None:
    try:
        found = currency._reader(currency.Config())(value, None)
    except Invalid as invalid:
        assert invalid.reason
    else:
        assert Decimal(found["amount"]).is_finite()
        assert len(found["amount"]) < 100


# Rates


def test_conversion(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "rates.yml"
    path.write_text("{base: EUR, date: 2025-01-08, rates: {USD: 1.0286, JPY: 162.95}}")
    options = {"rates": str(path), "convert_to": "JPY"}
    found = body(run, "USD 10.00", **options)
    assert found["converted"] == {"amount": "1584", "currency": "JPY", "rate": "158.4192106", "date": "2025-01-08"}
    assert body(run, "EUR 1", **options)["converted"]["amount"] == "163"
    assert body(run, "GBP 1", **options)["converted"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no file of rates"),
        ("{base: EUR", "no file of rates"),
        ("{base: EUR, date: 2025-01-08, rates: {JPY: x}}", "no file of rates"),
        ("{base: EUR, date: 2025-01-08, rates: {USD: 1}}", "none for JPY"),
        ("{base: EUR, date: 2025-01-08, rates: {JPY: 0}}", "not above 0"),
        ("{base: EUR, date: 2025-01-08, rates: {JPY: NaN}}", "no"),
    ],
)
def test_a_wrong_file_of_rates(run: Any, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rates.yml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        body(run, "EUR 1", rates=str(path), convert_to="JPY")


def test_rates_need_a_target_and_a_file(run: Any, tmp_path: Path) -> None:
    for options in ({"convert_to": "EUR"}, {"rates": str(tmp_path)}):
        with pytest.raises(ConfigurationError, match="both"):
            body(run, "EUR 1", **options)
    with pytest.raises(ConfigurationError, match="cannot read"):
        body(run, "EUR 1", convert_to="EUR", rates=str(tmp_path / "none.yml"))


def test_options_are_checked() -> None:
    for wrong in ({"default_currency": "Euro"}, {"convert_to": "XYZ"}, {"locale": "qq_zz"}):
        with pytest.raises(ValidationError):
            currency.Config.model_validate(wrong)
