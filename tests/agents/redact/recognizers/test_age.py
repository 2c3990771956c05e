from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("He is 42 years old.", ["42"]),
        ("Tengo 34 años.", ["34"]),
        ("It took 42 years.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("age", text) == values
