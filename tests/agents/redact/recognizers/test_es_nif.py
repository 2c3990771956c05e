from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import es_nif


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have DNI 15694936n, as agreed on 12 May.", ["15694936n"]),
        ("We have NIE: Y-6711016-K, as agreed on 12 May.", ["Y-6711016-K"]),
        ("(29735801K); X4030182F", ["29735801K", "X4030182F"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("es_nif", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert es_nif.canonical("15694936-n") == es_nif.canonical("15694936-N") == "15694936N"
