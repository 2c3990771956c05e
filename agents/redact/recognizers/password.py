"""password: passwords and PINs that a text spells out (``password: hunter2``), and fields of such a name.

Behind a colon or an equals sign anything that is no placeholder counts; behind ``is`` it must hold a digit or a sign.

>>> validate("hunter2"), validate("required"), validate("****")
(True, False, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import caseless

CATEGORY: Final = "password"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85, 0.75)

_WORDS: Final = (
    "password|passwd|passwort|kennwort|passphrase|passcode|mot de passe|contraseña|pwd|(?-i:PIN)|pin code|pin-code|"
    "pin number|db_password|user_password"
)
_BYTES: Final = _WORDS.replace("ñ", r"[\x80-\xff]{2}").encode()
_VALUE: Final = r"[^\s\"'\\<>,;()\[\]{}*\x00-\x20]{3,63}[^\s\"'\\<>,;()\[\]{}*.!?:\x00-\x20]"

CANDIDATE: Final = (
    rb"(?i:" + _BYTES + rb")[\"']?[ ]{0,2}[:=]",
    rb"(?i:" + _BYTES + rb") (?i:is|was|ist|lautet|est|es)[: ]",
)
EXACT: Final = (
    re.compile(rf"(?<![A-Za-z]){caseless(_WORDS)}[\"']?[ ]{{0,2}}[:=][ ]{{0,2}}[\"']?({_VALUE})"),
    re.compile(
        rf"(?<![A-Za-z]){caseless(_WORDS)} (?ai:is|was|ist|lautet|est|es)[: ] {{0,2}}[\"']?"
        rf"(?=[^\s]{{0,63}}[0-9!@#$%^&_])({_VALUE})"
    ),
)
FIELD_NAMES: Final = (
    "password",
    "passwd",
    "passwort",
    "kennwort",
    "passphrase",
    "passcode",
    "pwd",
    "pin",
    "pin_code",
    "mot_de_passe",
    "contrasena",
    "user_password",
)
FIELD_VALUE: Final = re.compile(r"(?!hash:)[^*\[\]\x00-\x1f]{1,500}")

_NONE: Final = frozenset(
    (
        "none", "null", "true", "false", "required", "optional", "string", "reset", "changed", "hidden", "redacted",
        "xxxx", "field", "protected", "must", "empty", "unset", "your", "prompt",
    )
)  # fmt: skip


def validate(text: str) -> bool:
    """Whether `text` is no placeholder."""
    return text.lower() not in _NONE and not text.startswith(("$", "%", "hash:")) and any(c.isalnum() for c in text)


EXAMPLES: Final = {
    "positive": (
        "password: hunter2",
        "Passwort=Geheim123",
        "my password is s3cret!x",
        "mot de passe : Azerty99",
        "contraseña: clave123",
        "PIN: 4921",
        "pwd=correct-horse",
    ),
    "negative": (
        "password: required",
        "password is wrong",
        "password reset",
        "password: ********",
        "password=${PASSWORD}",
        "password protected file",
        "a pinned message: hello",
    ),
}
