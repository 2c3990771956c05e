import hashlib
import hmac

import pytest

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact.strategies import hash
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key

KEY = Key(b"k" * 16, "01234567")
EMAIL = Recognizer("email", "high", canonical=str.lower)


def test_the_digest_is_keyed_and_names_its_key() -> None:
    digest = hmac.new(b"k" * 16, b"email:a@b.org", hashlib.sha256).hexdigest()[:32]
    assert hash.build(EMAIL, KEY)("A@b.org") == f"hash:01234567:{digest}"


def test_one_value_has_one_digest_by_category_and_key() -> None:
    one = hash.build(EMAIL, KEY)
    assert one("a@b.org") == one("A@B.ORG") != one("b@b.org")
    assert one("a@b.org") != hash.build(Recognizer("x", "low"), KEY)("a@b.org")
    assert one("a@b.org")[14:] != hash.build(EMAIL, Key(b"l" * 16, "01234567"))("a@b.org")[14:]


def test_without_a_key_it_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="without a key"):
        hash.build(EMAIL, None)
