from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("db at postgres://app:hunter2@db.internal:5432/x", ["app:hunter2@db.internal"]),
        ("see https://example.com:8443/x", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("url_credentials", text) == values
