from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        (
            "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
            ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"],
        ),
        ("file eyJ.tar.gz", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("jwt", text) == values
