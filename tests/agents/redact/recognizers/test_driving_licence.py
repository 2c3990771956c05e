from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("driver's license is H12234567", ["H12234567"]),
        ("Her DL# D123-4567-8901 was checked.", ["D123-4567-8901"]),
        ("Führerschein Nr. B072RRE2I55 liegt vor.", ["B072RRE2I55"]),
        ("The library is under a permissive license, version 20240101.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("driving_licence", text) == values
