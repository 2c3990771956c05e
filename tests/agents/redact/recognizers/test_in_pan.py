from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import in_pan


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have PAN acupa7085r, as agreed on 12 May.", ["acupa7085r"]),
        ("We have pan no: ABCPK1234L, as agreed on 12 May.", ["ABCPK1234L"]),
        ("(ACUPA7085R); BNZPM2501F", ["ACUPA7085R", "BNZPM2501F"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("in_pan", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert in_pan.canonical("acupa7085r") == in_pan.canonical("ACUPA7085R") == "ACUPA7085R"
