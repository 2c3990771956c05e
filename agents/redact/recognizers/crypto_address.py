"""crypto_address: addresses of Bitcoin, Ethereum and Litecoin, found anywhere by their check.

Base58Check and Bech32 carry a checksum (BIP 13, BIP 173, BIP 350); an Ethereum address in mixed case must be spelled
as EIP-55 spells it, one in a single case has nothing to check.

>>> validate("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"), validate("1BoatSLRHtKNngkdXEeobR76b53LETtpyU")
(True, False)
"""

import re
from typing import Final

from penstock.agents._wallets import BASE58, valid
from penstock.agents.redact._text import ENDS, LEFT, RIGHT, begins

CATEGORY: Final = "crypto_address"
SEVERITY: Final = "high"
CONFIDENCE: Final = (0.98, 0.98, 0.9)


CANDIDATE: Final = (
    LEFT + b"[13LM][1-9A-HJ-NP-Za-km-z]{25,34}" + RIGHT,
    LEFT + b"(?i:bc1|ltc1)[0-9A-Za-z]{11}",
    b"0x[0-9A-Fa-f]{40}" + RIGHT,
)
EXACT: Final = (
    re.compile(begins("[13LM]") + f"[{BASE58}]{{25,34}}{ENDS}"),
    re.compile(begins("[BbLl]") + f"(?:[Cc]|[Tt][Cc])1[0-9A-Za-z]{{11,87}}{ENDS}"),
    re.compile(begins("0") + f"x[0-9A-Fa-f]{{40}}{ENDS}"),
)
FIELD_NAMES: Final = ("wallet_address", "bitcoin_address", "btc_address", "ethereum_address", "eth_address", "wallet")
FIELD_VALUE: Final = re.compile(r"\s*[0-9A-Za-z]{26,90}\s*")


def validate(text: str) -> bool:
    """Whether the check that `text` carries is right."""
    return valid(text)


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
