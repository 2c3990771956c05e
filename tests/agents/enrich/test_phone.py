"""phone: numbers of many regions against libphonenumber's own examples, regions beside them, and what is none."""

import doctest
from typing import Any

import phonenumbers
import pytest
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import phone


def body(run: Any, value: Any, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = run("phone", {"phone": value}, **options)["phone"]["phone_phone"]
    return found


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(phone.__doc__ or "", {"run": run}, "phone", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 2)


def test_the_whole_shape(run: Any) -> None:
    assert body(run, "+1 (415) 555-2671 ext. 12") == {
        "valid": True,
        "e164": "+14155552671",
        "international": "+1 415-555-2671 ext. 12",
        "national": "(415) 555-2671 ext. 12",
        "country_code": 1,
        "region": "US",
        "type": "fixed_line_or_mobile",
        "extension": "12",
    }


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_the_example_of_every_region(run: Any, region: str) -> None:
    example = phonenumbers.example_number(region)
    if example is None:  # a few regions have none
        assert region not in {"DE", "FR", "GB", "IN", "US"}
        return
    national = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    found = body(run, national, default_region=region)
    assert found["e164"] == e164
    assert body(run, e164) == found
    assert found["region"] == phonenumbers.region_code_for_number(example)  # some share theirs with a greater one


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("+442079460958", "fixed_line"),
        ("+447400123456", "mobile"),
        ("+448001234567", "toll_free"),
        ("+449012345678", "premium_rate"),
        ("+445612345678", "voip"),
        ("+80012345678", "toll_free"),
    ],
)
def test_types(run: Any, value: str, kind: str) -> None:
    assert body(run, value)["type"] == kind


def test_the_region_beside_it_counts_before_the_default(run: Any) -> None:
    data = {"a": {"tel": "030 1234567", "country": "DE"}, "b": {"tel": "020 7946 0958"}, "country": "FR"}
    found = run("phone", data, default_region="GB")["phone"]
    assert {label: each["e164"] for label, each in found.items()} == {
        "a.tel_phone": "+49301234567",
        "b.tel_phone": "+442079460958",
    }


def test_the_first_region_field_counts_and_only_where_it_is_one(run: Any) -> None:
    data = {"phone": "030 1234567", "country": "DE", "country_code": "Germany"}
    assert run("phone", data)["phone"]["phone_phone"]["reason"] == "no_region"
    data["country_code"] = "DE"
    assert run("phone", data)["phone"]["phone_phone"]["region"] == "DE"


def test_a_whole_number_is_read_too(run: Any) -> None:
    assert body(run, 4155552671, default_region="US")["e164"] == "+14155552671"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("call me", "not_a_number"),
        ("020 7946 0958", "no_region"),
        ("+999 123456", "invalid_country_code"),
        ("+49 1", "too_short"),
        ("+1 415 555 26711 123", "too_long"),
        ("+1 555 555 5555", "not_assigned"),
        ("1" * 400, "too_long"),
    ],
)
def test_what_is_none_is_named(run: Any, value: str, reason: str) -> None:
    assert body(run, value) == {"valid": False, "reason": reason}


@pytest.mark.parametrize("value", [None, True, 1.5, {}])
def test_what_is_neither_text_nor_a_whole_number_gets_nothing(run: Any, value: Any) -> None:
    assert run("phone", {"phone": value}) is None


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="two capital letters"):
        phone.Config(default_region="Germany")


def test_redact_must_stand_behind_it() -> None:
    assert registry.STAGES.load("phone").ADDS_TEXT
