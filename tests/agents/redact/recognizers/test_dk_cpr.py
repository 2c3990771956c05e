from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import dk_cpr


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have cpr 1609800788, as agreed on 12 May.", ["1609800788"]),
        ("We have 100163-2056 er mit CPR-nummer, as agreed on 12 May.", ["100163-2056"]),
        ("Ticket 1609800788 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("dk_cpr", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert dk_cpr.canonical("160980-0788") == dk_cpr.canonical("160980-0788") == "1609800788"
