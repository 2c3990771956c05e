from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("She was born on March 3, 1985 in Rome.", ["March 3, 1985"]),
        ("Geburtsdatum: 30.07.1985", ["30.07.1985"]),
        ("The invoice of 30.07.1985 is paid.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("date_of_birth", text) == values
