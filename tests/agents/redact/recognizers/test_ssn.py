import pytest

from penstock.agents.redact._recognizer import load
from penstock.agents.redact.recognizers import ssn


def test_mask_keeps_four_digits() -> None:
    assert ssn.mask("123-45-6789") == "***-**-6789"
    assert ssn.mask("123456789") == "*****6789"


@pytest.mark.parametrize("value", ["123456789", "123-45-6789", "900 12 3456", "12345678"])
def test_a_field_of_that_name_takes_more(value: str) -> None:
    assert load("ssn", None, ()).is_value(value)


@pytest.mark.parametrize("value", ["6789", "***-**-6789", "1234567890", "n/a", "123456"])
def test_a_field_of_that_name_does_not_take_everything(value: str) -> None:
    assert not load("ssn", None, ()).is_value(value)


def test_ways_to_write_one_number() -> None:
    assert ssn.canonical("012-34-5678") == ssn.canonical("12345678") == "012345678"
