from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import no_fodselsnummer


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have fnr 06057827295, as agreed on 12 May.", ["06057827295"]),
        ("We have 01087212587 er mitt fødselsnummer, as agreed on 12 May.", ["01087212587"]),
        ("Ticket 06057827295 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("no_fodselsnummer", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert no_fodselsnummer.canonical("181195 21455") == no_fodselsnummer.canonical("181195 21455") == "18119521455"
