from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import il_id


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have ID number 083829838, as agreed on 12 May.", ["083829838"]),
        ("We have 206955825 is my Israeli ID, as agreed on 12 May.", ["206955825"]),
        ("Ticket 083829838 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("il_id", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert il_id.canonical("012207189") == il_id.canonical("012207189") == "012207189"
