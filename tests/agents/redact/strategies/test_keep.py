from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact.strategies import keep


def test_nothing_changes() -> None:
    assert keep.build(Recognizer("x", "low"), None)("abc") == "abc"
