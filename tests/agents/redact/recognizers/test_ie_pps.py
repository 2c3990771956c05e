from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import ie_pps


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have PPS number 6933365W, as agreed on 12 May.", ["6933365W"]),
        ("We have 5640166B is my PPSN, as agreed on 12 May.", ["5640166B"]),
        ("Ticket 6933365W is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("ie_pps", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert ie_pps.canonical("4539326v") == ie_pps.canonical("4539326V") == "4539326V"
