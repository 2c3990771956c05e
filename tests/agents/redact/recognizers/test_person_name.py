from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Please ask Dr. Jane Doe about it.", ["Jane Doe"]),
        ("Bonjour, je m'appelle Élodie Dupont.", ["Élodie Dupont"]),
        ("Mein Name ist Anna von Berg.", ["Anna von Berg"]),
        ("Jane Doe wrote.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("person_name", text) == values
