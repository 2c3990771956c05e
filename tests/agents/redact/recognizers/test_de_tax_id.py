from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import de_tax_id


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have Steueridentifikationsnummer 23 790 168 461, as agreed on 12 May.", ["23 790 168 461"]),
        ("We have Tax ID 68733594038, as agreed on 12 May.", ["68733594038"]),
        ("Ticket 23 790 168 461 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("de_tax_id", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert de_tax_id.canonical("23 790 168 461") == de_tax_id.canonical("23 790 168 461") == "23790168461"
