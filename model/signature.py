"""Signed JSON objects: Ed25519 over canonical bytes, the signature in the object itself.

Canonical bytes are the object without ``signature`` as JSON (RFC 8259): keys sorted, no white space, UTF-8, nothing
escaped that need not be. Objects hold no numbers but integers, so that there is one way to write each.

::

    {"checked_at": "…", "results": {…}, "signature": {"algorithm": "Ed25519", "key_id": "9f86…", "value": "<base64>"}}
"""

import base64
import binascii
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from penstock.model.ledger import key_id

ALGORITHM: Final = "Ed25519"


def canonical(body: dict[str, Any]) -> bytes:
    """The bytes of `body` that are signed."""
    bare = {name: value for name, value in body.items() if name != "signature"}
    return orjson.dumps(bare, option=orjson.OPT_SORT_KEYS)


def sign(body: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """`body` with its signature."""
    value = base64.b64encode(key.sign(canonical(body))).decode()
    signature = {"algorithm": ALGORITHM, "key_id": key_id(key.public_key()), "value": value}
    return {**body, "signature": signature}


def is_signed(body: dict[str, Any], key: Ed25519PublicKey) -> bool:
    """Whether `body` carries a signature of this key over all else in it."""
    signature = body.get("signature")
    if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
        return False
    try:
        key.verify(base64.b64decode(signature["value"], validate=True), canonical(body))
    except (InvalidSignature, KeyError, TypeError, ValueError, binascii.Error):
        return False
    return True


def read_public_key(text: str) -> Ed25519PublicKey:
    """A public key from PEM, or from its 32 bytes in base64.

    Raises
    ------
    ValueError
        It is neither.
    """
    text = text.strip()
    if not text.startswith("-----"):
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    key = serialization.load_pem_public_key(text.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the key is not Ed25519")
    return key
