from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    "text, values",
    [
        ("Please pay into account number 945456787654 by Friday.", ["945456787654"]),
        ("ABA 021000021", ["021000021"]),
        ("Sort code: 20-00-00", ["20-00-00"]),
        ("There are 945456787654 stars.", []),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("bank_account", text) == values
