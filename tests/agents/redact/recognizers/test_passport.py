from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("The visa is in passport No. C01X00T47, issued in Bonn.", ["C01X00T47"]),
        ("His passport (A12345678) expired.", ["A12345678"]),
        ("Passport control opens at 0600 on 12 May 2024.", []),
        ("Order 912803456 went out.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("passport", text) == values
