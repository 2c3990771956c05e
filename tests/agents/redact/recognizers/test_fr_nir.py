from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import fr_nir


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have 1 33 11 78 528 285 66, as agreed on 12 May.", ["1 33 11 78 528 285 66"]),
        ("We have NIR 124111326559842, as agreed on 12 May.", ["124111326559842"]),
        ("(118076966927657); 1 18 07 69 669 276 57", ["118076966927657", "1 18 07 69 669 276 57"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("fr_nir", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert fr_nir.canonical("1 18 07 69 669 276 57") == fr_nir.canonical("1 18 07 69 669 276 57") == "118076966927657"
