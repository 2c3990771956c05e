"""Soundex of a name: how it sounds in English, so that Smith and Smyth fall together.

Source: the rules of the United States National Archives (https://www.archives.gov/research/census/soundex).

>>> soundex("Robert"), soundex("Rupert"), soundex("Ashcraft"), soundex("Tymczak"), soundex("Pfister")
('R163', 'R163', 'A261', 'T522', 'P236')
"""

import unicodedata
from typing import Final

_CODES: Final = {
    letter: code
    for letters, code in (("bfpv", "1"), ("cgjkqsxz", "2"), ("dt", "3"), ("l", "4"), ("mn", "5"), ("r", "6"))
    for letter in letters
}


def soundex(text: str) -> str:
    """The codes of the words of a text, sorted, so that their order does not count; empty where it has no Latin letter.

    Accents are left out.
    """
    letters = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(sorted(code for word in plain.split() if (code := _word(word))))


def _word(word: str) -> str:
    letters = [letter for letter in word if "a" <= letter <= "z"]
    if not letters:
        return ""
    found, before = letters[0].upper(), _CODES.get(letters[0], "")
    for letter in letters[1:]:
        code = _CODES.get(letter, "")
        if code and code != before:
            found += code
        if letter not in "hw":  # two of one code with h or w between them count once
            before = code
    return found[:4].ljust(4, "0")
