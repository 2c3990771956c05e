from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import us_ein


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have employer identification number 52-1748885, as agreed on 12 May.", ["52-1748885"]),
        ("We have 12-6520642 is our EIN, as agreed on 12 May.", ["12-6520642"]),
        ("Ticket 52-1748885 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("us_ein", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert us_ein.canonical("47-6216827") == us_ein.canonical("47-6216827") == "476216827"
