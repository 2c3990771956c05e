from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import au_medicare


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have Medicare no. 5740174311, as agreed on 12 May.", ["5740174311"]),
        ("We have 2069 72947 1 is my Medicare number, as agreed on 12 May.", ["2069 72947 1"]),
        ("Ticket 5740174311 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("au_medicare", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert au_medicare.canonical("6801 07806 1") == au_medicare.canonical("6801 07806 1") == "6801078061"
