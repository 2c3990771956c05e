from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact.strategies import remove


def test_a_marker_stands_there() -> None:
    assert remove.build(Recognizer("email", "high"), None)("abc") == "[email]"
    assert remove.WHOLE_VALUE_BECOMES_NULL
