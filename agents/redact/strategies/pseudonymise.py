"""pseudonymise: put a made-up name in place of a match, the same for the same value in all records and sources.

``Person-7F3A9C2B1D4E0K5Q``: a word for what kind of thing is named, and 64 bits of an HMAC-SHA-256 (RFC 2104) over
kind and plain form of the value. So an address or a number is one person, however it is written and wherever it comes
from, as long as the key is the same. Digits and letters take turns, so that it is taken for no number. It cannot be
reversed, not even with the key, but by trying values.
"""

import hmac
from typing import Final

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._sealing import plain
from penstock.agents.redact._strategy import Replace
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key

NEEDS_KEY: Final = True

_PAIRS: Final = [f"{byte // 26}{chr(ord('A') + byte % 26)}" for byte in range(256)]
_BYTES: Final = 8

_KINDS: Final = {
    **dict.fromkeys(("bank_account", "bic", "credit_card", "crypto_address", "iban"), "Account"),
    **dict.fromkeys(("imei", "ip", "mac"), "Device"),
    **dict.fromkeys(("coordinates", "postal_code", "street_address"), "Place"),
    "vin": "Vehicle",
}
"""Category -> what a value of it names, where that is not a person."""


def build(recognizer: Recognizer, key: Key | None) -> Replace:
    """The pseudonym under `key`. Raises ConfigurationError without one."""
    if key is None:
        raise ConfigurationError(f"redact: {recognizer.category} cannot get a pseudonym without a key")
    derived, canonical = key.derive("pseudonym"), recognizer.canonical
    kind = _KINDS.get(recognizer.category, "Person")

    def replace(text: str) -> str:
        message = f"{kind}:{plain(canonical(text))}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(derived, message, "sha256")
        return f"{kind}-{''.join([_PAIRS[byte] for byte in digest[:_BYTES]])}"

    return replace
