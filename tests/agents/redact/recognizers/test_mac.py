from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("from 3c:22:fb:aa:bb:cc port 1", ["3c:22:fb:aa:bb:cc"]),
        ("sha1 3c:22:fb:aa:bb:cc:dd:ee", []),
        ("at 10:20:30 on 01-02-03", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("mac", text) == values
