from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import ca_sin


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have social insurance number 785667437, as agreed on 12 May.", ["785667437"]),
        ("We have 714 004 538 is my SIN, as agreed on 12 May.", ["714 004 538"]),
        ("Ticket 785667437 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("ca_sin", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert ca_sin.canonical("957 384 720") == ca_sin.canonical("957 384 720") == "957384720"
