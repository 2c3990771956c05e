"""medical_record: numbers of patients and of their records and insurances, near words that say so.

>>> validate("MRN-0012345"), validate("MRN-12")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import digits, plain

CATEGORY: Final = "medical_record"
SEVERITY: Final = "critical"
CONFIDENCE: Final = (0.85,)

_WORDS: Final = (
    "mrn|medical record|patient id|patient no|patient number|patient|health record|chart number|health plan|"
    "health insurance|insurance id|member id|patientennummer|patienten-id|krankenversichertennummer|versichertennummer|"
    "dossier patient|dossier médical|historia clínica|número de historia"
)
_VALUE: Final = "[A-Za-z]{0,4}-?[0-9]{5,12}|[A-Z]{1,4} [0-9]{5,12}|[A-Za-z]{1,4}-[0-9]{2,6}-[0-9]{2,6}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE, before=20, clause=True),)
FIELD_NAMES: Final = (
    "mrn",
    "medical_record_number",
    "medical_record",
    "patient_id",
    "patient_number",
    "patient_no",
    "health_record_number",
    "health_plan_number",
    "insurance_id",
    "patientennummer",
    "versichertennummer",
)
FIELD_VALUE: Final = re.compile(r"\s*[0-9A-Za-z](?:[ \-/.]?[0-9A-Za-z]){3,19}\s*")

_LEAST: Final = 5


def validate(text: str) -> bool:
    """Whether `text` has digits enough."""
    return len(digits(text)) >= _LEAST


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "MRN 00123456",
        "medical record number MR-448812",
        "Patient ID A1234567",
        "Patientennummer 7788990",
        "dossier patient 5566778",
        "Versichertennummer A123456780",
    ),
    "negative": (
        "00123456",
        "patient for 12 days",
        "patients: 1200",
        "impatient 123456",
        "medical record kept",
        "order 00123456",
    ),
}
