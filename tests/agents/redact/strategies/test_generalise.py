import pytest

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact.strategies import generalise
from penstock.model.errors import ConfigurationError


def test_the_recognizer_generalises() -> None:
    assert generalise.build(Recognizer("x", "low", generalise=str.upper), None)("abc") == "ABC"


def test_a_category_that_cannot_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="email cannot be generalised"):
        generalise.build(Recognizer("email", "high"), None)
