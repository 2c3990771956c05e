"""Signed objects: whatever is changed in one, its signature no longer fits."""

import base64
import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from penstock.model.signature import canonical, is_signed, read_public_key, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
BODY: dict[str, Any] = {"b": {"z": [1, "ä", None], "a": True}, "a": "x"}
PEM, INFO = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo


def test_golden_bytes() -> None:
    assert canonical(BODY) == '{"a":"x","b":{"a":true,"z":[1,"ä",null]}}'.encode()
    assert canonical({**BODY, "signature": {"value": "…"}}) == canonical(BODY)
    assert sign(BODY, KEY)["signature"] == {
        "algorithm": "Ed25519",
        "key_id": "56475aa75463474c",
        "value": base64.b64encode(KEY.sign(canonical(BODY))).decode(),
    }


def test_what_was_changed_is_not_signed() -> None:
    good = sign(BODY, KEY)
    assert is_signed(good, PUBLIC) and is_signed(dict(reversed(good.items())), PUBLIC)
    assert not is_signed(good, Ed25519PrivateKey.generate().public_key())
    for change in (
        {"a": "y"}, {"c": None}, {"b": {"z": [1, "ä"], "a": True}}, {"signature": None}, {"signature": {}},
        {"signature": {**good["signature"], "algorithm": "none"}},
        {"signature": {**good["signature"], "value": "AA=="}},
        {"signature": {**good["signature"], "value": 7}}, {"signature": {**good["signature"], "value": "ä"}},
    ):  # fmt: skip
        assert not is_signed({**copy.deepcopy(good), **change}, PUBLIC), change
    assert not is_signed(BODY, PUBLIC)


def test_public_keys_are_read() -> None:
    raw = PUBLIC.public_bytes_raw()
    assert read_public_key(f" {base64.b64encode(raw).decode()}\n").public_bytes_raw() == raw
    assert read_public_key(PUBLIC.public_bytes(PEM, INFO).decode()).public_bytes_raw() == raw
    other = generate_private_key(SECP256R1()).public_key().public_bytes(PEM, INFO).decode()
    for wrong in ("", "AA==", "not base64", "-----BEGIN PUBLIC KEY-----", other):
        with pytest.raises(ValueError):
            read_public_key(wrong)
