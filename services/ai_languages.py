"""The languages whose letters the models of the AI engine read."""

from typing import Final

ISO: Final = {
    "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld", "sv": "swe", "da": "dan",
    "no": "nor", "fi": "fin", "pl": "pol", "cs": "ces", "sk": "slk", "sl": "slv", "hr": "hrv", "hu": "hun", "ro": "ron",
    "et": "est", "lv": "lav", "lt": "lit", "tr": "tur", "id": "ind", "ms": "msa", "ca": "cat", "zh": "zho", "ja": "jpn",
}  # fmt: skip
"""ISO 639-1 -> ISO 639-3."""
