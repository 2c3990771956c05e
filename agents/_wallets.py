"""The checks that addresses of Bitcoin, Litecoin and Ethereum carry (BIP 13, 173 and 350, EIP-55).

>>> valid("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), valid("1BoatSLRHtKNngkdXEeobR76b53LETtpyU")
(True, False)
"""

import hashlib
from typing import Final

from penstock.agents._keccak import keccak256

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VERSIONS: Final = frozenset((0, 5, 48, 50))
_BYTES: Final = 25
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CONSTANTS: Final = frozenset((1, 0x2BC830A3))  # Bech32, Bech32m


def valid(text: str) -> bool:
    """Whether the check that `text` carries is right."""
    if text.startswith("0x"):
        return _spelled(text[2:])
    kind, one, _ = text.partition("1")
    return _bech32(text) if one and kind.lower() in ("bc", "ltc") else _base58(text)


def _base58(text: str) -> bool:
    number = 0
    for character in text:
        number = number * 58 + BASE58.index(character)
    if number >> 8 * _BYTES:
        return False
    decoded = number.to_bytes(_BYTES, "big")
    twice = hashlib.sha256(hashlib.sha256(decoded[:-4]).digest()).digest()
    return decoded[0] in _VERSIONS and twice[:4] == decoded[-4:]


def _bech32(text: str) -> bool:
    if text not in (text.lower(), text.upper()):
        return False
    human, _, data = text.lower().rpartition("1")
    if not set(data) <= set(_BECH32):
        return False
    values = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human] + [_BECH32.index(c) for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, polynomial in enumerate(_GENERATOR):
            check ^= polynomial if top >> bit & 1 else 0
    return check in _CONSTANTS


def _spelled(text: str) -> bool:
    """Whether the case of the letters is EIP-55's, if it is mixed."""
    if text in (text.lower(), text.upper()):
        return len(set(text)) > 2  # zeros, as they stand for nobody
    digest = keccak256(text.lower().encode()).hex()
    return all(not c.isalpha() or c.isupper() == (digest[at] >= "8") for at, c in enumerate(text))
