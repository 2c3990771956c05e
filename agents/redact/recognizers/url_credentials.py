"""url_credentials: user and password in addresses of the form ``scheme://user:password@host`` (RFC 3986, 3.2.1).

>>> validate("bob:s3cret@db.example.com"), validate("bob:@db.example.com")
(True, False)
"""

import re
from typing import Final

CATEGORY: Final = "url_credentials"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.97,)

CANDIDATE: Final = (rb"://[^\0\x01-\x20/?#@:]{1,100}:[^\0\x01-\x20/?#@]{1,200}@[0-9A-Za-z\x80-\xff\[]",)
EXACT: Final = (
    re.compile(
        r"://([^\x00-\x20/?#@:\"\\*]{1,64}:[^\x00-\x20/?#@\"\\]{1,128}@(?:[0-9A-Za-z](?:[0-9A-Za-z.\-]{0,252}[0-9A-Za-z])?"
        r"|\[[0-9A-Fa-f:.]{2,45}\]))"
    ),
)
FIELD_NAMES: Final = ()

_NUMERIC: Final = re.compile(r"[0-9.]+|\[.*")


def validate(text: str) -> bool:
    """Whether there is a password that is not hidden already."""
    password = text.rpartition("@")[0].partition(":")[2]
    return bool(password.strip("*")) and not password.startswith(("$", "{", "<", "[", "%"))


def mask(text: str) -> str:
    """The host is kept, where it is a name.

    >>> mask("bob:s3cret@db.example.com")
    '***:***@db.example.com'
    """
    host = text.rpartition("@")[2]
    return f"***:***@{'***' if _NUMERIC.fullmatch(host) else host}"


EXAMPLES: Final = {
    "positive": (
        "https://bob:s3cret@example.com/path",
        "postgres://app:hunter2@db.internal:5432/orders",
        "amqp://guest:guest@10.0.0.5",
        "redis://user:pa%24s@cache.example.com",
        "ftp://a:b@[2001:db8::1]/",
    ),
    "negative": (
        "https://example.com/path",
        "https://bob@example.com",
        "https://bob:@example.com",
        "https://***:***@example.com",
        "https://user:${PASSWORD}@example.com",
        "http://example.com:8080/a@b.c",
        "mailto:bob@example.com",
    ),
}
