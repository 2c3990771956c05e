from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("IBAN follows, BIC: COBADEFFXXX.", ["COBADEFFXXX"]),
        ("IMPORTANT DOCUMENT ENCLOSED", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("bic", text) == values
