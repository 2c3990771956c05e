"""jwt: JSON Web Tokens (RFC 7519), signed or not, found anywhere.

>>> validate("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"), validate("eyJhbGciOiJ.eyJzdWIiOiIxIn0.c2ln")
(True, False)
"""

import binascii
import re
from base64 import urlsafe_b64decode
from typing import Final

import orjson

CATEGORY: Final = "jwt"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.98,)

_PART: Final = "[0-9A-Za-z_-]"

CANDIDATE: Final = (rb"eyJ[0-9A-Za-z_-]{8,2000}\.",)
EXACT: Final = (
    re.compile(rf"e(?<![0-9A-Za-z_.\-]e)yJ{_PART}{{8,2000}}\.{_PART}{{2,8000}}(?:\.{_PART}{{0,2000}}){{1,3}}(?<!\.)"),
)
FIELD_NAMES: Final = ("jwt", "id_token", "jwt_token")
FIELD_VALUE: Final = re.compile(r"\s*[0-9A-Za-z_\-]{8,2000}\.[0-9A-Za-z_\-.]{2,9000}\s*")


def validate(text: str) -> bool:
    """Whether the first part is the JSON of a header that names its algorithm."""
    head = text.partition(".")[0]
    try:
        header = orjson.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


EXAMPLES: Final = {
    "positive": (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "token=eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJhIjoxfQ.c2lnbmF0dXJl",
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln",
        "jwt: eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbg",
    ),
    "negative": (
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.",
        "eyJhIjoxfQabcdefgh.eyJzdWIiOiIxIn0.c2ln",
        "abc.def.ghi",
        "xeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ),
}
