from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("She drives 1HGCM82633A004352 to work.", ["1HGCM82633A004352"]),
        ("Chassis WVWZZZ1JZXW000001 was sold.", ["WVWZZZ1JZXW000001"]),
        ("part no. 1HGCM82633A004352", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("vin", text) == values
