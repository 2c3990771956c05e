from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import sg_nric


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have NRIC s7243633d, as agreed on 12 May.", ["s7243633d"]),
        ("We have NRIC: S6116199F, as agreed on 12 May.", ["S6116199F"]),
        ("(S6116199F); S4088302I", ["S6116199F", "S4088302I"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("sg_nric", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert sg_nric.canonical("s4088302i") == sg_nric.canonical("S4088302I") == "S4088302I"
