"""crypto_address: addresses of Bitcoin, Ethereum and Litecoin, found anywhere by their check.

Base58Check and Bech32 carry a checksum (BIP 13, BIP 173, BIP 350); an Ethereum address in mixed case must be spelled
as EIP-55 spells it, one in a single case has nothing to check.

>>> validate("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), validate("1BoatSLRHtKNngkdXEeobR76b53LETtpyU")
(True, False)
"""

import hashlib
import re
from typing import Final

from penstock.agents.redact._keccak import keccak256
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins

CATEGORY: Final = "crypto_address"
SEVERITY: Final = "high"
CONFIDENCE: Final = (0.98, 0.98, 0.9)

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

CANDIDATE: Final = (
    LEFT + b"[13LM][1-9A-HJ-NP-Za-km-z]{25,34}" + RIGHT,
    LEFT + b"(?i:bc1|ltc1)[0-9A-Za-z]{11}",
    b"0x[0-9A-Fa-f]{40}" + RIGHT,
)
EXACT: Final = (
    re.compile(begins("[13LM]") + f"[{_BASE58}]{{25,34}}{ENDS}"),
    re.compile(begins("[BbLl]") + f"(?:[Cc]|[Tt][Cc])1[0-9A-Za-z]{{11,87}}{ENDS}"),
    re.compile(begins("0") + f"x[0-9A-Fa-f]{{40}}{ENDS}"),
)
FIELD_NAMES: Final = ("wallet_address", "bitcoin_address", "btc_address", "ethereum_address", "eth_address", "wallet")
FIELD_VALUE: Final = re.compile(r"\s*[0-9A-Za-z]{26,90}\s*")

_VERSIONS: Final = frozenset((0, 5, 48, 50))
_BYTES: Final = 25
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CONSTANTS: Final = frozenset((1, 0x2BC830A3))  # Bech32, Bech32m


def validate(text: str) -> bool:
    """Whether the check that `text` carries is right."""
    if text.startswith("0x"):
        return _spelled(text[2:])
    kind, one, _ = text.partition("1")
    return _bech32(text) if one and kind.lower() in ("bc", "ltc") else _base58(text)


def _base58(text: str) -> bool:
    number = 0
    for character in text:
        number = number * 58 + _BASE58.index(character)
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


EXAMPLES: Final = {
    "positive": (
        "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
    ),
    "negative": (
        "1BoatSLRHtKNngkdXEeobR76b53LETtpyU",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed",
        "0x0000000000000000000000000000000000000000",
        "a0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "3f786850e387550fdab836ed7e6dc881de23001b",
        "1111111111111111111114oLvT3",
    ),
}
