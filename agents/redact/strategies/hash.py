"""hash: put a keyed digest in place of a match, the same for the same value, so that records can still be joined.

HMAC-SHA-256 (RFC 2104) over category and value, in the value's plain form (digits of a number, an address in lower
case), written ``hash:<key id>:<32 hex digits>``. Without the key a digest of so few possible values is no secret.
"""

import hmac
import re
from typing import Final

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._secret import Secret
from penstock.agents.redact._strategy import Replace
from penstock.model.errors import ConfigurationError

NEEDS_KEY: Final = True

_HEX_DIGITS: Final = 32
_DIGEST: Final = re.compile("hash:[0-9a-f]{8}:[0-9a-f]{32}")


def build(recognizer: Recognizer, secret: Secret | None) -> Replace:
    """The digest under `secret`. Raises ConfigurationError without one."""
    if secret is None:
        raise ConfigurationError(f"redact: {recognizer.category} cannot be hashed without a key")
    key, prefix, canonical = secret.key, f"hash:{secret.id}:", recognizer.canonical
    category = f"{recognizer.category}:"

    def replace(text: str) -> str:
        if _DIGEST.fullmatch(text):  # by an earlier pass
            return text
        message = (category + canonical(text)).encode("utf-8", "surrogatepass")
        return prefix + hmac.digest(key, message, "sha256").hex()[:_HEX_DIGITS]

    return replace
