"""health: what is said of somebody's diagnoses, treatments, disabilities, by the name of the field (GDPR, article 9).

>>> validate("Type 2 diabetes"), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "health"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "diagnosis",
    "diagnoses",
    "medical_condition",
    "disease",
    "medication",
    "prescription",
    "allergies",
    "blood_type",
    "blood_group",
    "disability",
    "treatment",
    "health_status",
    "health_condition",
    "icd_10_code",
    "icd_code",
    "symptoms",
    "vaccination_status",
    "hiv_status",
    "diagnose",
    "krankheit",
    "medikament",
    "diagnostic",
    "maladie",
    "diagnostico",
    "enfermedad",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "Type 2 diabetes",
        "E11.9",
        "penicillin",
        "A+",
        "wheelchair user",
    ),
    "negative": (
        "",
        "***",
        "[health]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
