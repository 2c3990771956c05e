"""pt_nif: tax numbers of Portugal (NIF, número de contribuinte).

They count near a word that says so, and in a field of such a name.

>>> validate("182754740"), validate("501964842")
(True, False)
"""

import re
from typing import Final

from stdnum.pt import nif

from penstock.agents.redact._context import candidate, told
from penstock.agents.redact._text import plain

CATEGORY: Final = "pt_nif"
SEVERITY: Final = "high"
CONFIDENCE: Final = (0.95,)

_WORDS: Final = "nif|número de contribuinte|numero de contribuinte|contribuinte|número fiscal|numero fiscal"
_VALUE: Final = "[1-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}"

CANDIDATE: Final = (candidate(_WORDS),)
EXACT: Final = (told(_WORDS, _VALUE),)
FIELD_NAMES: Final = ("nif", "contribuinte", "numero_contribuinte")
FIELD_VALUE: Final = re.compile(r"\s*[1-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}\s*")


def validate(text: str) -> bool:
    """Whether the number can have been given out."""
    return bool(nif.is_valid(text))


def canonical(text: str) -> str:
    """Letters and digits, in capitals."""
    return plain(text)


EXAMPLES: Final = {
    "positive": (
        "NIF 182754740",
        "NIF: 188 870 776",
        "contribuinte 222797150",
        "182754740 é o meu NIF",
        "nif=188870776",
    ),
    "negative": (
        "182754740",
        "NIF 501964842",
        "NIF 5019648",
        "NIF: nenhum",
        "encomenda 222797150",
    ),
}
