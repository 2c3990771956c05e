from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Login with user bob and password: hunter2, please.", ["hunter2"]),
        ("The password is case sensitive.", []),
        ("contraseña: clave123", ["clave123"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("password", text) == values
