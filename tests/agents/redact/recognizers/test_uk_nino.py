from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import uk_nino


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have NINO AB123456C, as agreed on 12 May.", ["AB123456C"]),
        ("We have national insurance number: jg103759a, as agreed on 12 May.", ["jg103759a"]),
        ("(AB 12 34 56 C)", ["AB 12 34 56 C"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("uk_nino", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert uk_nino.canonical("ab 12 34 56 c") == uk_nino.canonical("AB 12 34 56 C") == "AB123456C"
