"""hash: put a keyed digest in place of a match, the same for the same value, so that records can still be joined.

HMAC-SHA-256 (RFC 2104) over category and value, in the value's plain form (digits of a number, an address in lower
case), written ``hash:<key id>:<32 hex digits>``: after a rotation of keys the id is another. Without the key a digest
of so few possible values is no secret.
"""

import hmac
from typing import Final

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import Replace
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key

NEEDS_KEY: Final = True

_HEX_DIGITS: Final = 32


def build(recognizer: Recognizer, key: Key | None) -> Replace:
    """The digest under `key`. Raises ConfigurationError without one."""
    if key is None:
        raise ConfigurationError(f"redact: {recognizer.category} cannot be hashed without a key")
    secret, prefix, canonical = key.secret, f"hash:{key.id}:", recognizer.canonical
    category = f"{recognizer.category}:"

    def replace(text: str) -> str:
        message = (category + canonical(text)).encode("utf-8", "surrogatepass")
        return prefix + hmac.digest(secret, message, "sha256").hex()[:_HEX_DIGITS]

    return replace
