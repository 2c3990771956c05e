from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import au_tfn


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have tax file number 704 173 513, as agreed on 12 May.", ["704 173 513"]),
        ("We have 516 545 655 is my TFN, as agreed on 12 May.", ["516 545 655"]),
        ("Ticket 704 173 513 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("au_tfn", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert au_tfn.canonical("143884654") == au_tfn.canonical("143884654") == "143884654"
