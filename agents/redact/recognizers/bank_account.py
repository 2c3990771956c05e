"""bank_account: account numbers as banks of a country write them, and routing numbers, near words that say so.

They carry no country and mostly no check: without a word near by they are just digits. International numbers are
`iban`.

>>> validate("945456787654"), validate("12345")
(True, False)
"""

import re
from typing import Final

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import digits

CATEGORY: Final = "bank_account"
SEVERITY: Final = "high"
CONFIDENCE: Final = (0.75, 0.85, 0.6)

_WORDS: Final = (
    "bank ?account|account (?:number|no|num|nr|#)|acct|a/c|checking|savings|savings account|checking account|"
    "bank acc\\.?|my account|account is|kontonummer|konto-nr|konto nr|konto|bankkonto|compte bancaire|"
    "numéro de compte|cuenta|cuenta bancaria|número de cuenta|conto corrente|rekeningnummer"
)
_ROUTING: Final = "routing|aba|sort code|bankleitzahl|blz|bsb|ifsc|clabe|transit number|rtn"
_VALUE: Final = r"[0-9]{6,18}|[0-9]{2,6}(?:[ \-][0-9]{2,6}){1,4}"

CANDIDATE: Final = (candidate(_WORDS), candidate(_ROUTING), rb"(?i:account|acct)[: #.]{1,3}[0-9]")
EXACT: Final = (
    told(_WORDS, _VALUE, before=30),
    told(
        _ROUTING,
        r"[0-9]{6,9}|[0-9]{2}[ \-][0-9]{2}[ \-][0-9]{2}|[0-9]{3}[ \-][0-9]{3}[ \-]?[0-9]{2,3}|[0-9]{18}",
        before=30,
    ),
    re.compile(rf"(?<![A-Za-z])(?ai:account|acct)[: #.]{{1,3}}({_VALUE})(?![0-9A-Za-z_])"),
)
FIELD_NAMES: Final = (
    "bank_account",
    "bank_account_number",
    "account_number",
    "account_no",
    "acct_number",
    "acct_no",
    "routing_number",
    "sort_code",
    "kontonummer",
    "bankleitzahl",
    "blz",
    "bsb",
    "numero_compte",
    "numero_cuenta",
    "clabe",
)
FIELD_VALUE: Final = re.compile(r"\s*[0-9](?:[ \-]?[0-9]){5,17}\s*")

_LEAST: Final = 6
_MOST: Final = 18
_DATE: Final = re.compile(r"(?:19|20)[0-9]{2}-[01]?[0-9]-[0-3]?[0-9]|[0-3]?[0-9]-[01]?[0-9]-(?:19|20)[0-9]{2}")


def validate(text: str) -> bool:
    """Whether `text` has as many digits as accounts have, and is no date."""
    return _LEAST <= len(digits(text)) <= _MOST and not _DATE.fullmatch(text)


def canonical(text: str) -> str:
    """The digits."""
    return digits(text)


EXAMPLES: Final = {
    "positive": (
        "account number 945456787654",
        "bank account: 12345678",
        "acct no. 0001234567",
        "routing number 021000021",
        "sort code 20-00-00",
        "Kontonummer 0532013000",
        "numéro de compte 00012345678",
        "945456787654 is my bank account",
        "to account 4837-2938-1029",
    ),
    "negative": (
        "945456787654",
        "account opened 2024-01-15",
        "the account holds 1250 points",
        "bank holiday 20240101",
        "accounting for 123456789",
        "routing table 10",
        "account 42",
    ),
}
