from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Patient ID A1234567 was seen.", ["A1234567"]),
        ("Patient waited, see page 12345678.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("medical_record", text) == values
