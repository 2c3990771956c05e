"""redact: hides what is personal, in values, field names, the Kafka key, headers and what earlier stages noted.

>>> run("redact", {"user": {"email": "ann@example.com"}, "text": "from 192.0.2.77"}, policy={"ssn": "mask"})["data"]
{'user': {'email': 'a***@e***.com'}, 'text': 'from 192.0.2.0'}

What was done stands in the envelope's ``pii``, by field and category, never with a value; a record in which nothing
is found goes on with the bytes that it came with. A second pass finds nothing in what the first one wrote, but for
what it was told to keep.

Each record is scanned once for anything that *may* be personal, as bytes and without being decoded; most records are
done with that. Where something may be, the exact pattern and the validator of the categories in question decide, value
by value. The candidates never miss what the exact patterns find (see `_recognizer`), so that this is the same as
trying every pattern on every value.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

import orjson
from msgspec import UNSET, UnsetType
from pydantic import Field, StringConstraints

from penstock.agents.redact import _message, _numbering, _policy, _prefilter, _recognizer, _secret
from penstock.agents.redact._engine import Counts, Engine, Hits
from penstock.agents.redact._policy import Policy
from penstock.agents.redact._spans import in_order
from penstock.agents.redact.recognizers import phone
from penstock.model.component import Apply, Resources, StageConfig
from penstock.model.errors import ConfigurationError
from penstock.model.record import Data, Headers, Record
from penstock.model.verdict import KEEP, Keep

NOTE: Final = "pii"

DEFAULT_POLICY: Final = {
    "email": "mask",
    "phone": "mask",
    "ssn": "hash",
    "credit_card": "mask",
    "iban": "mask",
    "ip": "generalise",
}

_CLEAN_NOTES: Final = 256
_CLEAN_NOTE_BYTES: Final = 4096

FieldName = Annotated[str, StringConstraints(pattern=r'^[^"\\\x00-\x1f]+$')]


class Config(StageConfig):
    """What to look for, where, and what to do with it."""

    policy: dict[str, str] = Field(
        {},
        description="Category -> strategy (mask, hash, remove, generalise, keep), where it is to differ from: email, "
        "phone, credit_card and iban mask, ssn hash, ip generalise; any other category mask.",
    )
    fields: dict[FieldName, str | dict[str, str]] = Field(
        {},
        description="Field -> {category: strategy}, which holds there instead; or -> one strategy: keep keeps what is "
        "found there, any other hides the whole value whatever it is. A name stands for any field of that name, a "
        "dotted path for that field; both hold for what is below as well. The key is kafka.key, a header "
        "kafka.headers.<name>.",
    )
    categories: tuple[str, ...] | None = Field(None, description="The categories to look for; all where absent.")
    field_names: dict[str, tuple[FieldName, ...]] = Field(
        {}, description="Category -> names of fields whose whole value is of it, in place of the recognizer's own."
    )
    regions: tuple[str, ...] = Field(
        phone.DEFAULT_REGIONS,
        description="Regions (ISO 3166) whose national forms of phone numbers are looked for. International forms "
        "always are; each region more takes more numbers for phone numbers that are none.",
    )
    key_env: str = Field(
        "PENSTOCK_HASH_KEY",
        min_length=1,
        description="The environment variable that holds the key of hashes; <key_env>_FILE names a file instead.",
    )


class Found(NamedTuple):
    """A place where something personal stands; the value itself is not part of it.

    Attributes
    ----------
    field : str
        Dotted path.
    category, severity, strategy : str
        What it is, how bad, and what the policy does with it.
    start, end : int
        Characters in the field's text (of a number, its digits).
    in_name : bool
        Whether it stands in the field's name rather than in its value; then `field` ends in that name.
    """

    field: str
    category: str
    severity: str
    strategy: str
    start: int
    end: int
    in_name: bool = False


def build(config: Config, resources: Resources) -> Apply:
    """Compile recognizers and policy.

    Raises
    ------
    ConfigurationError
        A category, strategy or region is unknown or does not fit; or a strategy needs the key and there is none.
    """
    engine = _engine(config, resources)
    return _Redactor(engine, _scanner(engine, config))


def finder(config: Config) -> Callable[[Data], list[Found]]:
    """A function that lists what the stage would find in the data of a record, and changes nothing; needs no key."""
    engine = _engine(config, None)
    base = engine.policy.base.strategies

    def find(data: Data) -> list[Found]:
        leaves = engine.leaves(data)
        found = []
        for number in leaves.names:
            _, name, where = leaves.place(number, {})
            for first, last, one in engine.in_text(name):
                item = engine.recognizers[one]
                strategy = base[item.category].name
                found.append(Found(where, item.category, item.severity, strategy, first, last, in_name=True))
        for number, _, spans in engine.find(leaves, engine.all_hits):
            where = leaves.place(number, {})[2]
            strategies = leaves.rules.get(number, leaves.base).strategies
            for first, last, one in spans:
                item = engine.recognizers[one]
                strategy = strategies[item.category].name
                found.append(Found(where, item.category, item.severity, strategy, first, last))
        return sorted(found)

    return find


class _Redactor:
    """The stage: what it looks for, and which notes it found clean.

    Notes such as the schema's come with every record; what was clean once is not scanned again.
    """

    __slots__ = ("_clean", "_engine", "_scan")

    def __init__(self, engine: Engine, scan: Callable[[bytes], Hits]) -> None:
        self._engine = engine
        self._scan = scan
        self._clean: set[tuple[str, bytes]] = set()

    def __call__(self, record: Record) -> Keep:
        entry = record.entry
        notes: list[tuple[str, bytes]] = []
        parts: list[bytes] = []
        raw = record.raw
        if entry.notes:
            notes = [note for note in entry.notes.items() if note not in self._clean and note[0] != NOTE]
        if entry.key or entry.headers:
            parts = _message.parts(entry)
        if notes or parts:
            raw = b"\n".join([raw, *parts, *[note for _, note in notes], b""])
        hits = self._scan(raw)
        if hits:
            return self._redact(record, hits, parts, notes)
        for note in notes:
            self._remember(note)
        return KEEP

    def _redact(self, record: Record, hits: Hits, parts: list[bytes], notes: list[tuple[str, bytes]]) -> Keep:
        """The verdict on a record in which something may be personal, by `hits`."""
        counts: Counts = {}
        tree = orjson.loads(record.raw)  # a copy of our own: the record's data may not be changed in place
        data = tree if self._engine.redact(self._engine.leaves(tree), hits, counts) else UNSET
        written = {name: new for name, note in notes if (new := self._note(name, note, counts)) is not UNSET}
        key: bytes | UnsetType | None = UNSET
        headers: Headers | UnsetType = UNSET
        if parts and (hits := self._scan(b"\n".join([b"", *parts, b""]))):
            key, headers = _message.redact(self._engine, record.entry, hits, counts)
        if not counts:
            return KEEP
        return Keep(data=data, notes={**written, NOTE: _merge(record.note(NOTE), counts)}, key=key, headers=headers)

    def _note(self, name: str, note: bytes, counts: Counts) -> Any:
        """What an earlier stage noted, redacted; unset where it stays."""
        hits = self._scan(b"\n" + note + b"\n")
        if hits:
            before = sum(counts.values())
            tree = {name: orjson.loads(note)}
            if self._engine.redact(self._engine.note_leaves(tree, name), hits, counts):
                return tree[name]
            if sum(counts.values()) != before:
                return UNSET
        self._remember((name, note))
        return UNSET

    def _remember(self, note: tuple[str, bytes]) -> None:
        if len(self._clean) >= _CLEAN_NOTES:
            self._clean.clear()
        if len(note[1]) <= _CLEAN_NOTE_BYTES:
            self._clean.add(note)


def _merge(before: list[dict[str, Any]] | None, counts: Counts) -> list[dict[str, Any]]:
    """What this and earlier stages of the kind did; what is kept is found by each of them, and counts once."""
    for item in before or ():
        key = (item["field"], item["category"], item["strategy"])
        now = counts.get(key, 0)
        counts[key] = max(now, item["count"]) if item["strategy"] == _policy.KEEP else now + item["count"]
    return [
        {"category": category, "field": field, "strategy": strategy, "count": count}
        for (field, category, strategy), count in sorted(counts.items())
    ]


def _engine(config: Config, resources: Resources | None) -> Engine:
    modules = _recognizer.RECOGNIZERS
    wanted = modules.modules if config.categories is None else config.categories
    categories = in_order({modules.name(name) for name in wanted})
    for name in [*config.policy, *config.field_names]:
        modules.name(name)  # raises for one that is unknown
    recognizers = [_recognizer.load(name, config.field_names.get(name), config.regions) for name in categories]
    _numbering.plan(config.regions)  # raises for a region that is unknown
    policy = DEFAULT_POLICY | config.policy
    return Engine(recognizers, _compile(config, policy, recognizers, resources))


def _compile(
    config: Config, policy: dict[str, str], recognizers: list[_recognizer.Recognizer], resources: Resources | None
) -> Policy:
    if resources is None:
        return _policy.compile_policy(policy, config.fields, recognizers, _policy.label)
    used = [policy.get(item.category, _policy.FALLBACK) for item in recognizers]
    for rule in config.fields.values():
        used += [rule] if isinstance(rule, str) else rule.values()
    secret = _secret.load(config.key_env, resources.environ) if _policy.needs_key(used) else None
    return _policy.compile_policy(policy, config.fields, recognizers, _policy.maker(secret))


def _scanner(engine: Engine, config: Config) -> Callable[[bytes], Hits]:
    """The prefilter: numbers of the exact patterns to try, beyond them those that only say that a field is there."""
    patterns = [pattern for item in engine.recognizers for pattern in item.candidates]
    if len(patterns) != len(engine.patterns):
        raise ConfigurationError("redact: a recognizer has not one candidate for each exact pattern")
    patterns += [item.name_candidate for item in engine.recognizers if item.name_candidate]
    patterns += [_policy.candidate(where) for where in config.fields]
    scan = _prefilter.prefilter(tuple(patterns))
    everything = range(len(patterns))

    def hits(data: bytes) -> Hits:
        # an escape such as \u0001 ends in what may look like a digit of a number that follows
        return everything if b"\\u" in data else scan(data)

    return hits
