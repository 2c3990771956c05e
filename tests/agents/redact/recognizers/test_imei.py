from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("The handset with IMEI 353982597919077 is blocked.", ["353982597919077"]),
        ("tracking no. 353982597919077", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("imei", text) == values
