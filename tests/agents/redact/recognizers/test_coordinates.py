from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Meet at 52.520008, 13.404954 at noon.", ["52.520008, 13.404954"]),
        ("It rose from 1.2500 to 2.7500 percent.", []),
        ("version 1.2345.6, 7.8910.1", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("coordinates", text) == values
