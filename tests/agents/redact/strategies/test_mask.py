from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact.strategies import mask


def test_the_recognizer_says_what_is_left() -> None:
    assert mask.build(Recognizer("x", "low", mask=lambda text: text[:1] + "**"), None)("abc") == "a**"


def test_without_its_word_nothing_is_left() -> None:
    assert mask.build(Recognizer("x", "low"), None)("Ä-b 1_2") == "*-* *_*"
