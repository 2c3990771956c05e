from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("AWS_KEY=AKIAIOSFODNN7EXAMPLE in .env", ["AKIAIOSFODNN7EXAMPLE"]),
        ("the api key rotates every 90 days", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("api_key", text) == values
