import doctest

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.agents.redact._policy import WHOLE_FIELD
from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact.strategies import generalise
from penstock.agents.redact.strategies.generalise import by_form
from penstock.model.errors import ConfigurationError


def test_the_recognizer_generalises() -> None:
    assert generalise.build(Recognizer("x", "low", generalise=str.upper), None)("abc") == "ABC"


def test_a_category_that_cannot_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="email cannot be generalised"):
        generalise.build(Recognizer("email", "high"), None)


def test_a_whole_value_is_told_by_its_form() -> None:
    assert doctest.testmod(generalise).failed == 0
    assert generalise.build(Recognizer(WHOLE_FIELD, "medium"), None) is by_form


@pytest.mark.parametrize(
    ("text", "general"),
    [
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("1985-07-30T10:00:00Z", "1985"),
        ("30.07.1985", "1985"),
        ("30/07/85", "**/**/**"),
        ("-33.868820", "-33.8"),
        ("7", "0-9"),
        ("107", "100-109"),
        ("SW1A 1AA", "SW** ***"),
        ("1012 AB", "10** **"),
        ("12345678", "********"),
        ("Ann Lee", "*** ***"),
        ("", ""),
    ],
)
def test_forms(text: str, general: str) -> None:
    assert by_form(text) == general


FORMS = (
    st.text(max_size=12)
    | st.dates().map(str)
    | st.ip_addresses().map(str)
    | st.integers(0, 10**6).map(str)
    | st.floats(-180, 180).map(str)
    | st.from_regex(r"[0-9]{5}|[A-Z]{1,2}[0-9] [0-9][A-Z]{2}", fullmatch=True)
)


@settings(derandomize=True, max_examples=500)
@given(FORMS)
@example("10***")
@example("40-49")
def test_what_is_general_stays(text: str) -> None:
    assert by_form(by_form(text)) == by_form(text)
