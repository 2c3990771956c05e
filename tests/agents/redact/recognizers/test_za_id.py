from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import za_id


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have RSA ID 990221 7730 033, as agreed on 12 May.", ["990221 7730 033"]),
        ("We have 7507015274035 is my ID number, as agreed on 12 May.", ["7507015274035"]),
        ("Ticket 990221 7730 033 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("za_id", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert za_id.canonical("5704136784016") == za_id.canonical("5704136784016") == "5704136784016"
