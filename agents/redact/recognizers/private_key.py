"""private_key: private keys in PEM (RFC 7468) and OpenSSH's form: each line of the key between its markers.

Lines may end as they do in a file or with ``\\n`` as in JSON; markers stay.

>>> validate("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"), validate("********")
(True, False)
"""

import re
from typing import Final

CATEGORY: Final = "private_key"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.99,)

_LINE: Final = "[0-9A-Za-z+/=]"
_ENDS: Final = r"(?:\r?\n|(?:\\r)?\\n|[ ])"

CANDIDATE: Final = (rb"PRIVATE KEY",)
EXACT: Final = (
    re.compile(
        rf"(?:(?<=\n)|(?<=\\n)|(?<=-----)|(?<=-----[ ]))({_LINE}{{1,76}})"
        rf"(?={_ENDS}{{0,2}}(?:{_LINE}{{1,76}}{_ENDS}){{0,100}}-----END (?:[A-Z]{{1,9}} )?PRIVATE KEY)"
    ),
)
FIELD_NAMES: Final = ("private_key", "secret_pem", "ssh_key")
FIELD_VALUE: Final = re.compile(r"\s*(?!hash:)[^*\[\]\x00-\x1f]{16,10000}\s*")


def validate(text: str) -> bool:
    """Whether there is something that is not hidden yet, as the pattern has seen to."""
    return any(character.isalnum() for character in text)


_BODY: Final = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"

EXAMPLES: Final = {
    "positive": (
        f"-----BEGIN PRIVATE KEY-----\n{_BODY}\n-----END PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\\n{_BODY}\\n-----END PRIVATE KEY-----",
        f"-----BEGIN RSA PRIVATE KEY-----\r\n{_BODY}\r\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{_BODY[:40]}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN EC PRIVATE KEY----- {_BODY} -----END EC PRIVATE KEY-----",
    ),
    "negative": (
        f"-----BEGIN PUBLIC KEY-----\n{_BODY}\n-----END PUBLIC KEY-----",
        _BODY,
        "-----BEGIN PRIVATE KEY-----\n****\n-----END PRIVATE KEY-----",
        "a PRIVATE KEY is needed",
        "-----END PRIVATE KEY-----",
    ),
}
