import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact import _recognizer
from penstock.agents.redact._recognizer import RECOGNIZERS, Recognizer
from penstock.agents.redact.strategies import pseudonymise
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key

KEY = Key(b"k" * 16, "k1")
EMAIL = Recognizer("email", "high", canonical=str.lower)


def test_one_person_has_one_name_however_written_and_wherever_from() -> None:
    by_email, by_field = (pseudonymise.build(it, KEY) for it in (EMAIL, Recognizer("field", "medium")))
    assert by_email("Ann@Example.com") == by_email("ann@example.com") == by_field(" ANN@example.com")
    assert by_email("ann@example.com") != by_email("bob@example.com")


def test_the_name_says_what_is_named() -> None:
    assert re.fullmatch("Person-(?:[0-9][A-Z]){8}", pseudonymise.build(EMAIL, KEY)("a@b.org"))
    assert pseudonymise.build(Recognizer("iban", "high"), KEY)("x").startswith("Account-")
    assert pseudonymise.build(Recognizer("ip", "high"), KEY)("x").startswith("Device-")


def test_another_key_gives_another_name() -> None:
    assert pseudonymise.build(EMAIL, KEY)("a@b.org") != pseudonymise.build(EMAIL, Key(b"l" * 16, "k1"))("a@b.org")


def test_without_a_key_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="without a key"):
        pseudonymise.build(EMAIL, None)


@settings(derandomize=True, max_examples=300)
@given(st.text(max_size=30))
def test_no_recognizer_takes_it_for_something_else(text: str) -> None:
    name = pseudonymise.build(EMAIL, KEY)(text)
    for category in RECOGNIZERS.modules:
        recognizer = _recognizer.load(category, None, ("US", "GB", "DE"))
        assert not [spans for number in range(len(recognizer.exact)) if (spans := recognizer.spans(number, name))]
