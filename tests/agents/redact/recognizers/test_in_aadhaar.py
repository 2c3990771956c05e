from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import in_aadhaar


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have Aadhar number is 2838 0726 6912, as agreed on 12 May.", ["2838 0726 6912"]),
        ("We have 2067 7461 9599 is my Aadhaar, as agreed on 12 May.", ["2067 7461 9599"]),
        ("Ticket 2838 0726 6912 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("in_aadhaar", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert in_aadhaar.canonical("2067 7461 9599") == in_aadhaar.canonical("2067 7461 9599") == "206774619599"
