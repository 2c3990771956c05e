from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("He lives at 221B Baker Street in London.", ["221B Baker Street"]),
        ("Sie wohnt in der Musterstraße 12.", ["Musterstraße 12"]),
        ("Elle habite 12 rue de la Paix.", ["12 rue de la Paix"]),
        ("Vive en la Calle Mayor 15.", ["Calle Mayor 15"]),
        ("Street 12 is closed", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("street_address", text) == values
