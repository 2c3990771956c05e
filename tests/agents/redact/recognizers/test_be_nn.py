from collections.abc import Callable

import pytest

from penstock.agents.redact.recognizers import be_nn


@pytest.mark.parametrize(
    "text, values",
    [
        ("We have rijksregisternummer 60032204789, as agreed on 12 May.", ["60032204789"]),
        ("We have numéro national : 60.03.22-047.89, as agreed on 12 May.", ["60.03.22-047.89"]),
        ("(55.04.13-227.81); 68.10.10-031.03", ["55.04.13-227.81", "68.10.10-031.03"]),
    ],
)
def test_what_is_found_in_a_sentence(found: Callable[[str, str], list[str]], text: str, values: list[str]) -> None:
    assert found("be_nn", text) == values


def test_ways_to_write_it_are_one() -> None:
    assert be_nn.canonical("55.04.13-227.81") == be_nn.canonical("55.04.13-227.81") == "55041322781"
