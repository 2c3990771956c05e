from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import ch_ahv


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have AHV 7569054427810, as agreed on 12 May.", ["7569054427810"]),
        ("We have AHV-Nummer: 756.9054.4278.10, as agreed on 12 May.", ["756.9054.4278.10"]),
        ("(756.6902.1690.07); 756.0886.1595.42", ["756.6902.1690.07", "756.0886.1595.42"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("ch_ahv", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert ch_ahv.canonical("756.6902.1690.07") == ch_ahv.canonical("756.6902.1690.07") == "7566902169007"
