"""biometric: measures of a body that tell persons apart, as of fingerprints, faces and voices, by the name of the field
(GDPR, article 9).

>>> validate("AAECAwQFBgc="), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "biometric"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "biometric",
    "biometric_data",
    "biometric_id",
    "biometric_template",
    "fingerprint_template",
    "fingerprint_data",
    "fingerprint_scan",
    "face_template",
    "face_embedding",
    "face_encoding",
    "facial_recognition",
    "iris_scan",
    "iris_code",
    "retina_scan",
    "voiceprint",
    "voice_print",
    "palm_print",
    "gait_signature",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "AAECAwQFBgc=",
        "0.113 0.991 0.42",
        "minutiae 41",
        "a8f5f167f44f4964",
        "left index, loop",
    ),
    "negative": (
        "",
        "***",
        "[biometric]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
