from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import pt_nif


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have contribuinte 222797150, as agreed on 12 May.", ["222797150"]),
        ("We have 182754740 é o meu NIF, as agreed on 12 May.", ["182754740"]),
        ("Ticket 222797150 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("pt_nif", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert pt_nif.canonical("188 870 776") == pt_nif.canonical("188 870 776") == "188870776"
