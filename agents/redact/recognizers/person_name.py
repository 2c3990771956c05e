"""person_name: names of persons behind titles and introductions, and in fields of such a name.

In text these are heuristics for English, German, French and Spanish: ``Dr. Jane Doe``, ``my name is Jane Doe``. A name
with nothing before it is not found; that takes a model.

>>> validate("Jane Doe"), validate("The")
(True, False)
"""

import re
from typing import Final

CATEGORY: Final = "person_name"
SEVERITY: Final = "medium"
CONFIDENCE: Final = (0.8, 0.75)

_CAPITAL: Final = "[A-Z\u00c0-\u00de\u0160\u017d]"
_NAME: Final = f"{_CAPITAL}[a-z\u00df-\u00ff\u0161\u017e]+(?:['\u2019-]{_CAPITAL}?[a-z\u00df-\u00ff]+)?"
_PART: Final = f"(?:{_CAPITAL}\\.|(?:O|D|L)['\u2019]{_NAME}|M[a]?c{_NAME}|{_NAME})"
_LINK: Final = "(?:van der|van den|van|von der|von|de la|de los|de|del|di|da|du|le|la|bin|al)"
_FULL: Final = f"{_PART}(?: {_LINK})?(?: {_PART}){{0,3}}"
_TITLES: Final = (
    "Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Herr|Herrn|Frau|Hr|Fr|Monsieur|Madame|Mademoiselle|Mme|Mlle|Se\u00f1or|"
    "Se\u00f1ora|se\u00f1ora?|Se\u00f1orita|Sr|Sra|Srta|Don|Do\u00f1a|Sir|Dame"
)
_SAYS: Final = (
    "my name is|my name's|name is|i am called|this is|mein name ist|ich hei\u00dfe|ich bin|je m'appelle|mon nom est|"
    "je suis|me llamo|mi nombre es|soy|signed by|yours sincerely,|kind regards,"
)

CANDIDATE: Final = (
    rb"[^A-Za-z](?:M(?:rs?|s|iss|x|me|lle|onsieur|adame|ademoiselle)|D(?:r|o[\x80-\xff]{2}a|on|octor|ame)|"
    rb"Prof(?:essor)?|Herrn?|Frau|Hr|Fr|[Ss](?:e[\x80-\xff]{2}or(?:a|ita)?|ra?|rta|ir))[.]? [A-Z\x80-\xff]",
    rb"(?i:name(?: i|')s|called|this is|mein name ist|ich hei\xc3[\x80-\xff]e|ich bin|m'appelle|mon nom est|je suis|"
    rb"me llamo|mi nombre es|soy|signed by|sincerely,|regards,) [A-Z\x80-\xff]",
)
EXACT: Final = (
    re.compile(f"(?<![A-Za-z])(?:{_TITLES})\\.? (?:(?:Dr|Prof|med)\\.? ){{0,3}}({_FULL})(?![A-Za-z\u00c0-\u00ff])"),
    re.compile(f"(?<![A-Za-z])(?ai:{_SAYS}) (?:(?:{_TITLES})\\.? )?({_FULL})(?![A-Za-z\u00c0-\u00ff])"),
)
FIELD_NAMES: Final = (
    "first_name",
    "last_name",
    "middle_name",
    "full_name",
    "given_name",
    "family_name",
    "maiden_name",
    "person_name",
    "contact_name",
    "patient_name",
    "employee_name",
    "cardholder_name",
    "cardholder",
    "account_holder",
    "surname",
    "forename",
    "fname",
    "lname",
    "vorname",
    "nachname",
    "familienname",
    "prenom",
    "nom_de_famille",
    "nom_complet",
    "nom_de_naissance",
    "nom_naissance",
    "geburtsname",
    "ansprechpartner",
    "kontoinhaber",
    "nom_prenom",
    "apellido",
    "nombre_completo",
    "nombre_de_pila",
    "cognome",
    "achternaam",
    "voornaam",
)
_GIVEN: Final = (
    *("first_name", "given_name", "forename", "fname"),
    *("vorname", "prenom", "nombre_de_pila", "voornaam"),
)
_FAMILY: Final = (
    *("last_name", "family_name", "surname", "lname", "nachname", "familienname", "nom_de_famille"),
    *("apellido", "cognome", "achternaam"),
)
BESIDE: Final = ((("nom", "name", "naam"), _GIVEN, _FAMILY), (("nombre", "nome"), _FAMILY, _GIVEN))
FIELD_VALUE: Final = re.compile(r"\s*(?!hash:)[^\W\d_][^\x00-\x1f*\[\]\d@]{0,80}")

_NONE: Final = frozenset(
    (
        "the", "a", "an", "not", "this", "that", "here", "there", "very", "also", "it", "i", "you", "we", "they",
        "customer", "support", "sir", "madam", "president", "chair", "who", "what", "how", "why", "when", "where",
    )
)  # fmt: skip


def validate(text: str) -> bool:
    """Whether the first word can begin a name."""
    return text.partition(" ")[0].lower() not in _NONE and len(text) > 2


def canonical(text: str) -> str:
    """In lower case, with single blanks."""
    return " ".join(text.lower().split())


EXAMPLES: Final = {
    "positive": (
        "Dr. Jane Doe",
        "Mrs Smith-Jones",
        "my name is Jane Doe",
        "Herr Dr. Müller",
        "je m'appelle Élodie Dupont",
        "Ich heiße Anna von Berg",
        "me llamo José García",
        "Mr. O'Brien",
    ),
    "negative": (
        "Jane Doe",
        "the doctor said so",
        "my name is not important",
        "Mr.",
        "this is The End",
        "Fr 12.30",
        "name is required",
    ),
}
