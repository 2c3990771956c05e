"""entity_resolution: records that speak of one and the same entity get one cluster id, and a reason that can be read.

>>> run("entity_resolution", {"name": "Ann Smith", "email": "ann@example.com"})["enrichments.entity_resolution"]
{'cluster_id': 'ent_e8d85ebc41a1419a', 'new': True, 'score': 0.0, 'fields': []}

1. **Blocking.** Records are compared that agree in one of ``blocking``: rules of fields joined by ``+``, each as it is
   in plain form (case, blanks and compatible characters aside) or through ``:soundex`` (which leaves words without
   Latin letters as they are, and sorts them), ``:first3``, ``:last4`` or ``:digits``.
2. **Comparison.** Each field of ``compare`` is compared by rapidfuzz: ``exact``, ``jaro_winkler``, ``token_sort``,
   ``levenshtein`` or ``digits`` (the digits alone).
3. **Weight.** A field that agrees adds log2(m/u), one that does not adds log2((1-m)/(1-u)), one between its ``partial``
   and its ``threshold`` adds half of what agreement would; one that either record lacks adds nothing. ``m`` is how
   often the field agrees in records of one entity, ``u`` in others (Fellegi and Sunter, A Theory for Record Linkage,
   1969). A score of ``match_weight`` or more is a match.
4. **Cluster.** A record joins the cluster of the best match, the oldest of several that are as good; without one it
   begins a cluster, whose id is made from its own first id: a replay has the same. Clusters that turn out to be one
   are not joined afterwards, since what was said of a record cannot be taken back: ``also`` names the others that
   match as well.

What is remembered, per partition: digests of the blocking keys under a key of the keyring, the id and the time of each
member, and the compared fields, sealed with AES-256-SIV under such a key. Nothing in clear. An erasure
(`penstock erase`) does not reach it: a member goes when ``max_entries`` or ``window_seconds`` say so. The record is
annotated with names of fields, never with values: the stage may stand before `redact`, and mostly must, since `redact`
hides what it compares.

Records are compared within a partition; `lint` refuses a plan where that may miss some (see `dedup`): ``@key`` in
every blocking rule, one partition, or ``scope: partition``.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from math import log2
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import orjson
from pydantic import Field, field_validator, model_validator
from rapidfuzz.distance import JaroWinkler, Levenshtein
from rapidfuzz.fuzz import token_sort_ratio

from penstock.agents.enrich._state import shelf as _shelf
from penstock.agents.enrich._state.paths import MESSAGE_KEY, NOTHING, at, plain
from penstock.agents.enrich._state.shelf import Entry, Sealing, Shelf
from penstock.agents.enrich._state.soundex import soundex
from penstock.model.component import ApplyState, ComponentConfig, Resources, StageConfig, State
from penstock.model.record import Record
from penstock.model.verdict import KEEP, Keep, Verdict

GROUP = "entity_resolution"
ALIASES = ("entity_resolver",)
ORIGINAL = True

_KEY_BYTES: Final = 16
_LONGEST: Final = 400
"""Characters of a field that are compared; what comes behind them tells entities apart no more."""

Values: TypeAlias = dict[str, str]
Comparator: TypeAlias = Literal["exact", "jaro_winkler", "token_sort", "levenshtein", "digits"]


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdecimal())


def _sound(text: str) -> str:
    """How a name sounds; one in other letters than Latin ones is itself, in whatever order its words stand."""
    return soundex(text) or " ".join(sorted(text.split()))


_COMPARATORS: Final[dict[str, Callable[[str, str], float]]] = {
    "exact": lambda one, other: float(one == other),
    "jaro_winkler": JaroWinkler.similarity,
    "token_sort": lambda one, other: token_sort_ratio(one, other) / 100,
    "levenshtein": Levenshtein.normalized_similarity,
    "digits": lambda one, other: float(_digits(one) == _digits(other) != ""),
}
_TRANSFORMS: Final[dict[str, Callable[[str], str]]] = {
    "": lambda text: text,
    "soundex": _sound,
    "first3": lambda text: text[:3],
    "last4": lambda text: text[-4:],
    "digits": _digits,
}


class Comparison(ComponentConfig):
    """How one field is compared."""

    field: str = Field(min_length=1, description="Dotted path from the top of the record.")
    by: Comparator = Field("jaro_winkler", description="How alike two values are, from 0 to 1.")
    threshold: float = Field(0.9, gt=0, le=1, description="Alike so far, they agree.")
    partial: float = Field(0.8, gt=0, le=1, description="Alike so far, they agree in half.")
    m: float = Field(0.9, gt=0, lt=1, description="How often it agrees in records of one entity.")
    u: float = Field(0.01, gt=0, lt=1, description="How often it agrees in records of different ones.")

    @model_validator(mode="after")
    def _in_order(self) -> "Comparison":
        if self.u >= self.m:
            raise ValueError("u must be less than m: a field that agrees as often by chance says nothing")
        return self


class Config(StageConfig):
    """Options of entity_resolution."""

    blocking: tuple[str, ...] = Field(
        ("email", "phone:digits", "name:soundex"),
        min_length=1,
        description="Records are compared that agree in one of these rules.",
    )
    compare: tuple[Comparison, ...] = Field(
        (
            Comparison(field="name", by="token_sort", threshold=0.9, partial=0.75, m=0.9, u=0.005),
            Comparison(field="email", by="exact", threshold=1, partial=1, m=0.8, u=0.0005),
            Comparison(field="phone", by="digits", threshold=1, partial=1, m=0.8, u=0.0005),
            Comparison(field="address", by="token_sort", threshold=0.85, partial=0.7, m=0.7, u=0.002),
            Comparison(field="birth_date", by="exact", threshold=1, partial=1, m=0.95, u=0.003),
        ),
        min_length=1,
        description="Fields that are compared, and what they weigh.",
    )
    match_weight: float = Field(8.0, description="From this sum of weights on (log2 of the odds) it is a match.")
    window_seconds: float | None = Field(None, gt=0, description="Records further apart, by their time, do not match.")
    max_entries: int = Field(1_000_000, ge=1, description="Records remembered per partition; the oldest go first.")
    scope: Literal["topic", "partition"] = Field(
        "topic", description="`partition` admits that an entity has a cluster in each partition."
    )

    @field_validator("blocking")
    @classmethod
    def _known(cls, rules: tuple[str, ...]) -> tuple[str, ...]:
        for rule in rules:
            for part in rule.split("+"):
                name, _, transform = part.strip().partition(":")
                if not name or transform not in _TRANSFORMS:
                    known = ", ".join(name for name in _TRANSFORMS if name)
                    raise ValueError(f"{rule}: a rule is fields joined by +, each plain or through one of {known}")
        return rules

    @field_validator("compare")
    @classmethod
    def _once(cls, compared: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
        if len({each.field for each in compared}) < len(compared):
            raise ValueError("a field is compared once")
        return compared


def spans(config: Config) -> bool:
    """Whether records of one entity may stand in several partitions."""
    keyed = all(MESSAGE_KEY in (part.strip() for part in rule.split("+")) for rule in config.blocking)
    return config.scope == "topic" and not keyed


class _Match(NamedTuple):
    score: float
    cluster: str
    fields: list[dict[str, Any]]


def build(config: Config, resources: Resources) -> ApplyState:
    """Compile the stage."""
    window = None if config.window_seconds is None else int(config.window_seconds * 1000)
    shelf = Shelf(config.max_entries, window)
    secrets = _shelf.keys(resources, "entities")
    sealing = Sealing(_shelf.keys(resources, "entities data"))
    rules = [_rule(rule) for rule in config.blocking]

    def apply(record: Record, state: State) -> Verdict:
        blocks = [block for rule in rules if (block := rule(record)) is not None]
        values = {each.field: text for each in config.compare if (text := _text(record, each.field))}
        if not blocks or not values:
            return KEEP
        keys = [[hmac.digest(secret, block, "sha256")[:_KEY_BYTES] for block in blocks] for secret in secrets]
        wanted = [key for some in keys for key in some]
        matches = []
        for _, entry in shelf.find(state, wanted, record.timestamp):
            opened = sealing.open(entry.body)
            if opened is None:
                continue
            remembered: dict[str, Any] = orjson.loads(opened)
            if entry.id == record.id:
                return _noted(remembered["said"])
            found = _compared(config, values, remembered["values"], remembered["said"]["cluster_id"])
            if found.score >= config.match_weight:
                matches.append(found)
        said = _said(record, matches)
        body = sealing.seal(orjson.dumps({"values": values, "said": said}))
        shelf.add(state, Entry(record.id, record.timestamp, sorted(set(keys[0])), body))
        return _noted(said)

    return apply


def _noted(said: dict[str, Any]) -> Verdict:
    return Keep(notes={f"enrichments.{GROUP}": said})


def _said(record: Record, matches: list[_Match]) -> dict[str, Any]:
    """What is said of the record; matches come the oldest first, and the first of those that are as good wins."""
    if not matches:
        return {"cluster_id": cluster_id(record.id), "new": True, "score": 0.0, "fields": []}
    best = max(matches, key=lambda match: match.score)
    said: dict[str, Any] = {
        "cluster_id": best.cluster,
        "new": False,
        "score": round(best.score, 2),
        "fields": best.fields,
    }
    others = sorted({match.cluster for match in matches} - {best.cluster})
    return {**said, "also": others} if others else said


def cluster_id(first: str) -> str:
    """The id of the cluster that the record with this first id began."""
    return "ent_" + hashlib.sha256(b"penstock entity 1\0" + first.encode()).hexdigest()[:16]


def _compared(config: Config, values: Values, others: Values, cluster: str) -> _Match:
    score, fields = 0.0, []
    for each in config.compare:
        one, other = values.get(each.field), others.get(each.field)
        if one is None or other is None:
            continue
        similarity = _COMPARATORS[each.by](one, other)
        agreement, weight = log2(each.m / each.u), log2((1 - each.m) / (1 - each.u))
        verdict = "differs"
        if similarity >= each.threshold:
            verdict, weight = "agrees", agreement
        elif similarity >= each.partial:
            verdict, weight = "agrees in part", agreement / 2
        score += weight
        # to two digits: what is written must not depend on how a machine rounds the last
        fields.append(
            {"field": each.field, "result": verdict, "similarity": round(similarity, 2), "weight": round(weight, 2)}
        )
    return _Match(score, cluster, fields)


def _rule(rule: str) -> Callable[[Record], bytes | None]:
    """The block that a rule puts a record in; None where it lacks a field of it."""
    parts = [part.strip().partition(":")[::2] for part in rule.split("+")]

    def block(record: Record) -> bytes | None:
        digests = list(_parts(record, parts))
        if None in digests:
            return None
        return rule.encode() + b"\0" + b"".join(digest for digest in digests if digest is not None)

    return block


def _parts(record: Record, parts: list[tuple[str, str]]) -> Iterator[bytes | None]:
    for name, transform in parts:
        if name == MESSAGE_KEY:
            yield None if record.key is None else hashlib.sha256(record.key).digest()
            continue
        text = _TRANSFORMS[transform](_text(record, name))
        yield hashlib.sha256(text.encode()).digest() if text else None


def _text(record: Record, path: str) -> str:
    """A field in plain form; empty where there is no text or number."""
    value = at(record.data, path)
    if value is NOTHING or value is None or isinstance(value, bool | dict | list):
        return ""
    return plain(value if isinstance(value, str) else orjson.dumps(value).decode())[:_LONGEST]
