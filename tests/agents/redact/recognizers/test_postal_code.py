from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("London SW1A 1AA, please.", ["SW1A 1AA"]),
        ("PLZ 10115", ["10115"]),
        ("10115 units", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("postal_code", text) == values
