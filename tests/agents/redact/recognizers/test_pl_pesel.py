from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import pl_pesel


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have nr PESEL 73022755874, as agreed on 12 May.", ["73022755874"]),
        ("We have 97051370914 to mój PESEL, as agreed on 12 May.", ["97051370914"]),
        ("Ticket 73022755874 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("pl_pesel", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert pl_pesel.canonical("73022755874") == pl_pesel.canonical("73022755874") == "73022755874"
