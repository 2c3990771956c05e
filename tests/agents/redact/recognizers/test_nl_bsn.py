from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import nl_bsn


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have burgerservicenummer 687616967, as agreed on 12 May.", ["687616967"]),
        ("We have mijn BSN is 501782278, as agreed on 12 May.", ["501782278"]),
        ("Ticket 687616967 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("nl_bsn", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert nl_bsn.canonical("1894.98.225") == nl_bsn.canonical("1894.98.225") == "189498225"
