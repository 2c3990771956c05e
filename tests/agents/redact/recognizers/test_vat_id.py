from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Invoice from DE136695976, thanks.", ["DE136695976"]),
        ("numéro de TVA : FR 40 303 265 045", ["FR 40 303 265 045"]),
        ("part no. DE136695976", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("vat_id", text) == values
