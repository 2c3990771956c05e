from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import se_personnummer


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have personnummer 6603153427, as agreed on 12 May.", ["6603153427"]),
        ("We have personnummer: 911102-8982, as agreed on 12 May.", ["911102-8982"]),
        ("(911102-8982); 19600617-2230", ["911102-8982", "19600617-2230"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("se_personnummer", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert se_personnummer.canonical("19600617-2230") == se_personnummer.canonical("19600617-2230") == "196006172230"
