from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import uk_nhs


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have NHS no. 9857229697, as agreed on 12 May.", ["9857229697"]),
        ("We have 923 574 1629 is her NHS number, as agreed on 12 May.", ["923 574 1629"]),
        ("Ticket 9857229697 is closed.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("uk_nhs", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert uk_nhs.canonical("985 089 4148") == uk_nhs.canonical("985 089 4148") == "9850894148"
