from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import us_itin


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have ITIN 903954762, as agreed on 12 May.", ["903954762"]),
        ("We have taxpayer ID: 971954061, as agreed on 12 May.", ["971954061"]),
        ("(913-75-8584); 971-95-4061", ["913-75-8584", "971-95-4061"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("us_itin", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert us_itin.canonical("913-75-8584") == us_itin.canonical("913-75-8584") == "913758584"
