"""genetic: what is said of somebody's genes (GDPR, article 9), by the name of the field.

>>> validate("ACGTACGTTAGC"), validate("***")
(True, False)
"""

from typing import Final

from penstock.agents.redact._text import ANYTHING

CATEGORY: Final = "genetic"
SEVERITY: Final = "critical"
SPECIAL: Final = True

CANDIDATE: Final = ()
EXACT: Final = ()
FIELD_NAMES: Final = (
    "genetic_data",
    "genome",
    "genotype",
    "dna",
    "dna_profile",
    "dna_sequence",
    "dna_sample",
    "haplotype",
    "genetic_marker",
    "snp",
)
FIELD_VALUE: Final = ANYTHING


def validate(text: str) -> bool:
    """Whether `text` says anything that is not hidden yet."""
    return FIELD_VALUE.fullmatch(text) is not None


EXAMPLES: Final = {
    "positive": (
        "ACGTACGTTAGC",
        "rs53576(A;G)",
        "BRCA1 positive",
        "R1b",
        "D3S1358 15,17",
    ),
    "negative": (
        "",
        "***",
        "[genetic]",
        "hash:0123abcd:0123456789abcdef0123456789abcdef",
        " ",
    ),
}
