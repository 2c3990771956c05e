"""entities: persons, organisations, places, dates, money and indicators in text fields, with where each stands.

>>> text = "Dr. Ada Byrne paid $5 million; hxxp://evil[.]example/a exploits CVE-2021-44228."
>>> found = run("entities", {"text": text})["entities"]["text_entities"]
>>> [(one["type"], one["text"]) for one in found][:3]
[('person', 'Ada Byrne'), ('money', '$5 million'), ('url', 'hxxp://evil[.]example/a')]
>>> found[3]["text"], found[3]["value"], found[3]["start"], found[3]["end"]
('evil[.]example', 'evil.example', 38, 52)

Types are ``person``, ``organisation``, ``place``, ``date``, ``money``, ``cve``, ``mitre`` (ATT&CK ids), ``hash``
(``kind``: md5 to sha512), ``url``, ``domain``, ``email``, ``ip`` and ``wallet`` (Bitcoin and Litecoin by checksum,
Ethereum by EIP-55 where the case is mixed). ``start`` and ``end`` are characters of the field's text as it is, also
where an indicator was made harmless (``hxxp``, ``[.]``); ``value`` is the same in one spelling where that differs:
an ISO 8601 date, currency and amount, a domain in lower case. Of two that overlap the surer and longer one is kept; a
URL's host is given besides the URL.

The rules find what announces itself. Measured on 66 texts with 115 annotations that were written beside them (kinder
than the world: read the figures as what works, not as a promise):

=====================================================  =========  ======  ===========
type                                                   precision  recall  annotations
=====================================================  =========  ======  ===========
person                                                 1.00       0.83    18
organisation                                           0.93       0.74    19
place                                                  1.00       0.78    23
date                                                   1.00       1.00    10
money                                                  1.00       1.00    12
cve, domain, email, hash, ip, mitre, url, wallet       1.00       1.00    33
=====================================================  =========  ======  ===========

A name without title, legal form, known given name or entry in the short lists is missed: on news that is about half of
them. ``engine: spacy`` or ``gliner`` has a model find names in place of the rules; everything else stays with the
rules. The model is a folder (or an installed package of spaCy) that you give; nothing is downloaded.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import Field

from penstock.agents.enrich._text.amounts import amounts
from penstock.agents.enrich._text.defang import refanged
from penstock.agents.enrich._text.indicators import Found, indicators
from penstock.agents.enrich._text.name_models import Names, gliner, spacy
from penstock.agents.enrich._text.names import names
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.errors import ConfigurationError
from penstock.model.record import Record

ALIASES = ("entity_extraction", "ner")
ADDS_TEXT = True
GROUP = "entities"

Type: TypeAlias = Literal[
    "person",
    "organisation",
    "place",
    "date",
    "money",
    "cve",
    "mitre",
    "hash",
    "url",
    "domain",
    "email",
    "ip",
    "wallet",
]

_NAMES: Final = frozenset(("person", "organisation", "place"))
_URL: Final = 2
_AMOUNTS: Final = frozenset(("date", "money"))


class Config(StageConfig):
    """Options of entities."""

    fields: FieldNames = Field(
        ("text", "content", "body", "message", "description", "comment", "title", "summary", "transcript"),
        description="Fields that hold text.",
    )
    types: tuple[Type, ...] = Field(
        get_args(Type),
        min_length=1,
        description="What is looked for.",
    )
    min_confidence: float = Field(0.5, ge=0, le=1, description="What is less sure is not noted.")
    engine: Literal["rules", "spacy", "gliner"] = Field("rules", description="What finds names.")
    model: str = Field("", description="Folder of the model, or name of spaCy's installed one; for spacy and gliner.")
    max_length: int = Field(20_000, ge=1, description="Characters of a text that are looked at.")
    max_entities: int = Field(500, ge=1, description="Most entities of one text.")


def build(config: Config) -> EnrichRecord:
    """Compile the stage.

    Raises
    ------
    MissingExtraError
        The engine's package is not installed.
    ConfigurationError
        The model is not there or cannot be loaded.
    """
    find = Finder(config.fields)
    extract = _extractor(config)

    def enrich(record: Record) -> Annotations | None:
        found = {
            f"{label}_entities": entities
            for label, text in find.labelled(record)
            if isinstance(text, str) and (entities := extract(text))
        }
        return {GROUP: found} if found else None

    return enrich


def _extractor(config: Config) -> Callable[[str], list[dict[str, Any]]]:
    wanted = frozenset(config.types)
    named = _names(config) if wanted & _NAMES else None
    counted = bool(wanted & _AMOUNTS)
    marked = bool(wanted - _NAMES - _AMOUNTS)

    def extract(text: str) -> list[dict[str, Any]]:
        plain = refanged(text[: config.max_length])
        found = [*indicators(plain.text)] if marked else []
        found += amounts(plain.text) if counted else ()
        found += named(plain.text) if named is not None else ()
        sure = [one for one in found if one.type in wanted and one.confidence >= config.min_confidence]
        kept = _apart(sure, plain.text)
        return [_shown(one, text, plain.text, *plain.span(one.start, one.end)) for one in kept[: config.max_entities]]

    return extract


def _names(config: Config) -> Names:
    if config.engine == "rules":
        return names
    if not config.model:
        raise ConfigurationError(
            f"entities has the engine {config.engine} and no model", hint="set its option model to the model's folder"
        )
    return spacy(config.model) if config.engine == "spacy" else gliner(config.model)


def _apart(found: list[Found], text: str) -> list[Found]:
    """In order of the text, of those that overlap the longer and surer ones; a URL keeps its host."""
    taken: list[Found] = []
    covered = bytearray(len(text))
    for one in sorted(found, key=lambda one: (one.type in _NAMES, one.start - one.end, -one.confidence, one.start)):
        length = one.end - one.start
        free = covered.count(0, one.start, one.end)
        if one.type in ("domain", "ip") and text.endswith(("//", "@", "//["), 0, one.start):
            free += covered.count(_URL, one.start, one.end)
        if free == length:
            covered[one.start : one.end] = bytes([_URL if one.type == "url" else 1]) * length
            taken.append(one)
    return sorted(taken, key=lambda one: (one.start, -one.end))


def _shown(one: Found, text: str, plain: str, start: int, end: int) -> dict[str, Any]:
    shown = {"type": one.type, "text": text[start:end], "start": start, "end": end, "confidence": one.confidence}
    value = one.value or plain[one.start : one.end]
    if value != shown["text"]:
        shown["value"] = value
    if one.kind:
        shown["kind"] = one.kind
    return shown
