from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Send 0.1 BTC to 3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy today.", ["3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"]),
        ("commit 3f786850e387550fdab836ed7e6dc881de23001b", []),
        (
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr",
            ["bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"],
        ),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("crypto_address", text) == values
