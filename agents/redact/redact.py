"""redact: hides what is personal, in values, field names, the Kafka key, headers and what earlier stages noted.

>>> run("redact", {"user": {"email": "ann@example.com"}, "text": "from 192.0.2.77"}, policy={"ssn": "mask"})["data"]
{'user': {'email': 'a***@e***.com'}, 'text': 'from 192.0.2.0'}

What was done stands in the envelope's ``pii``, by field and category, never with a value; a record in which nothing
is found goes on with the bytes that it came with. A second pass finds nothing in what the first one wrote, but for
what it was told to keep.

The texts of all records of a frame are scanned at once for anything that *may* be personal. Where something may be,
the exact pattern and the validator of the category in question decide. The candidates never miss what the exact
patterns find (see `_recognizer`), so that this is the same as trying every pattern on every value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import orjson
from msgspec import UNSET, UnsetType
from pydantic import AfterValidator, Field

from penstock.agents import _spacy
from penstock.agents.redact import _detect, _message, _named, _numbering, _policy, _policy_file, _recognizer
from penstock.agents.redact._detect import Detect
from penstock.agents.redact._engine import AnyLeaves, Counts, Engine, Find
from penstock.agents.redact._policy import Choice, FieldChoice, FieldName, Policy
from penstock.agents.redact._policy_file import Settled
from penstock.agents.redact._sealing import Scope, Subjects
from penstock.agents.redact._spans import in_order
from penstock.agents.redact._strategy import STRATEGIES
from penstock.agents.redact._subject import subject_of, tenant_of
from penstock.agents.redact._walk import Leaves
from penstock.agents.redact.recognizers import phone
from penstock.model import keyring
from penstock.model.component import ApplyBatch, Resources, StageConfig
from penstock.model.errors import ConfigurationError
from penstock.model.record import Data, Headers, Record
from penstock.model.registry import Registry
from penstock.model.verdict import KEEP, Keep

NOTE: Final = "pii"

DEFAULT_POLICY: Final = {
    "email": "mask",
    "phone": "mask",
    "ssn": "hash",
    "credit_card": "mask",
    "iban": "mask",
    "ip": "generalise",
    # nothing of these is worth keeping
    **dict.fromkeys(("api_key", "jwt", "password", "private_key"), "remove"),
    **dict.fromkeys(("biometric", "ethnicity", "genetic", "health", "political_opinion", "religion"), "remove"),
    "sexual_orientation": "remove",
}

_RUN_BYTES: Final = 1 << 20
# what is remembered, at most: notes of other stages, notes of our own, bytes of a note
_CLEAN_NOTES: Final = 256
_WRITTEN_NOTES: Final = 1024
_NOTE_BYTES: Final = 4096


def _exists(registry: Registry, name: str) -> str:
    """`name`, where the registry has it; a ValueError otherwise, as validators have it."""
    try:
        registry.name(name)
    except ConfigurationError as error:
        raise ValueError(f"{error.message} ({error.hint})" if error.hint else error.message) from None
    return name


def _possible(choice: FieldChoice) -> FieldChoice:
    """The choice, where its categories and strategies exist."""
    for category, one in choice.items() if isinstance(choice, dict) else [(None, choice)]:
        if category is not None:
            _exists(_recognizer.RECOGNIZERS, category)
        _exists(STRATEGIES, _policy.name_of(one))
    return choice


Category = Annotated[str, AfterValidator(partial(_exists, _recognizer.RECOGNIZERS))]
Chosen = Annotated[Choice, AfterValidator(_possible)]
ChosenForField = Annotated[FieldChoice, AfterValidator(_possible)]


class Config(StageConfig):
    """What to look for, where, and what to do with it."""

    policy: dict[Category, Chosen] = Field(
        {},
        description="Category -> strategy (mask, hash, tokenize, encrypt, pseudonymise, generalise, remove, or "
        "{keep: <reason>}), where it is to differ from: ssn hash, ip generalise, secrets and special categories of "
        "the GDPR remove; any other category mask.",
    )
    fields: dict[FieldName, ChosenForField] = Field(
        {},
        description="Field -> {category: strategy}, which holds there instead; or -> one strategy: {keep: <reason>} "
        "keeps what is found there, any other hides the whole value whatever it is. A name stands for any field of "
        "that name, a dotted path for that field; both hold for what is below as well. The key is kafka.key, a header "
        "kafka.headers.<name>.",
    )
    categories: tuple[Category, ...] | None = Field(
        None,
        description="The categories to look for. Where absent all but those that are personal in company only or take "
        "too much that is nobody's: age, coordinates, postal_code, street_address.",
    )
    also: tuple[Category, ...] = Field((), description="Categories to look for beside those, such as street_address.")
    thorough: bool = Field(
        False,
        description="Also look behind disguises: `at` and `dot`, spaced digits, lookalike letters. It takes several "
        "times as long.",
    )
    decode_base64: bool = Field(
        False, description="Also look into what is written in base64; the whole of it is replaced."
    )
    min_confidence: float = Field(
        _recognizer.LEAST,
        ge=0,
        le=1,
        description="What is less sure than this is left alone, as a telephone number behind the words order no.",
    )
    field_names: dict[Category, tuple[FieldName, ...]] = Field(
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
        description="The environment variable that holds the key of strategies, or <key_env>_FILE a file with it; see "
        "PENSTOCK_KEYS_FILE for several.",
    )
    subject: tuple[str, ...] = Field(
        (),
        description="Dotted paths of fields that say whose a record is, such as customer.id; the first that is there "
        "counts. What tokenize and encrypt write of the record goes when that person is erased. Where none is "
        "there, each value is its own subject.",
    )
    policy_file: str | None = Field(
        None,
        description="A YAML file that says by tenant, category, field and purpose which strategy answers; what it says "
        "holds, whatever policy and fields say; see docs/POLICY.md.",
    )
    purpose: str | None = Field(None, description="What the records are for: which part of the policy file holds.")
    names_model: str | None = Field(
        None,
        description="A model of spaCy, as a folder or the name of its installed package, that finds names of persons "
        "in texts, also where nothing announces them. Takes the extra spacy, and milliseconds a text.",
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


def build(config: Config, resources: Resources) -> ApplyBatch:
    """Compile recognizers and policy.

    Raises
    ------
    ConfigurationError
        A category, strategy or region is unknown or does not fit; or a strategy needs the key and there is none.
    """
    engines = {tenant: _engine(config, resources, rules) for tenant, rules in _settled(config).items()}
    subjects = _subjects(config, resources) if any(engine.policy.seals for engine in engines.values()) else None
    redactors = {
        tenant: _Redactor(engine, subjects if engine.policy.seals else None) for tenant, engine in engines.items()
    }
    return redactors[None] if len(redactors) == 1 else _ByTenant(redactors, tenant_of(resources.tenant))


def finder(config: Config) -> Callable[[Data], list[Found]]:
    """A function that lists what the stage would find in the data of a record, and changes nothing; needs no key."""
    engine = _engine(config, None)
    base = engine.policy.base.strategies

    def find(data: Data) -> list[Found]:
        leaves = engine.leaves(data)
        found = []
        for number in leaves.names:
            where = leaves.path(number, {})
            for first, last, one in engine.in_text(leaves.key(number)):
                item = engine.recognizers[one]
                strategy = base[item.category].name
                found.append(Found(where, item.category, item.severity, strategy, first, last, in_name=True))
        for number, _, spans in engine.find([leaves])[0]:
            where = leaves.path(number, {})
            strategies = leaves.rules.get(number, leaves.base).strategies
            for first, last, one in spans:
                item = engine.recognizers[one]
                strategy = strategies[item.category].name
                found.append(Found(where, item.category, item.severity, strategy, first, last))
        return sorted(found)

    return find


def detector(config: Config) -> Detect:
    """What lists the matches of records with how sure they are, see `_detect`; needs no key."""
    engine = _engine(config, None)
    return _named.detector(engine) if isinstance(engine, _named.NamingEngine) else _detect.detector(engine)


class _Parts(NamedTuple):
    """What is looked at of one record."""

    data: AnyLeaves
    message: Leaves | None
    notes: list[tuple[tuple[str, bytes], Leaves]]


class _Redactor:
    """The stage: what it looks for, and which notes it found clean.

    Notes such as the schema's come with every record; what was clean once is not looked at again.
    """

    __slots__ = ("_clean", "_engine", "_subjects", "_written")

    def __init__(self, engine: Engine, subjects: Subjects | None = None) -> None:
        self._engine = engine
        self._subjects = subjects
        self._clean: set[tuple[str, bytes]] = set()
        self._written: dict[tuple[Any, ...], bytes] = {}

    async def __call__(self, records: Sequence[Record]) -> list[Keep]:
        verdicts: list[Keep] = []
        for some in _by_size(records):
            parts = [self._parts(record) for record in some]
            finds = self._find(parts)
            scopes = await self._scopes(some, parts, finds)
            found = iter(finds)
            each = zip(some, parts, scopes, strict=True)
            verdicts += [self._verdict(record, part, found, scope) for record, part, scope in each]
        return verdicts

    def _find(self, parts: Sequence[_Parts]) -> list[list[Find]]:
        looked_at: list[AnyLeaves] = []
        for data, message, notes in parts:
            looked_at.append(data)
            if message is not None:
                looked_at.append(message)
            if notes:
                looked_at += [leaves for _, leaves in notes]
        return self._engine.find(looked_at)

    async def _scopes(
        self, records: Sequence[Record], parts: Sequence[_Parts], finds: Sequence[Sequence[Find]]
    ) -> Sequence[Scope | None]:
        """The keys for what will be sealed of each record."""
        if self._subjects is None:
            return [None] * len(records)
        found, to_seal = iter(finds), self._engine.to_seal
        matches = []
        for data, message, notes in parts:
            looked_at = [data, *([message] if message is not None else []), *(leaves for _, leaves in notes)]
            matches.append([match for leaves in looked_at for match in to_seal(leaves, next(found))])
        return await self._subjects.scopes(records, matches)

    def _parts(self, record: Record) -> _Parts:
        entry, engine = record.entry, self._engine
        notes = [
            (note, engine.note_leaves({note[0]: orjson.loads(note[1])}, note[0]))
            for note in entry.notes.items()
            if note not in self._clean and note[0] != NOTE
        ]
        message = engine.leaves(_message.tree(entry)) if entry.key or entry.headers else None
        return _Parts(engine.record_leaves(record.layout, record.data), message, notes)

    def _verdict(self, record: Record, parts: _Parts, found: Iterator[Sequence[Find]], scope: Scope | None) -> Keep:
        engine = self._engine
        counts: Counts = {}
        data: Any = UNSET
        key: bytes | UnsetType | None = UNSET
        headers: Headers | UnsetType = UNSET
        if _changes(parts.data, finds := next(found)) and engine.redact(parts.data, finds, counts, scope=scope):
            data = parts.data.tree
        if parts.message is not None:
            finds = next(found)
            if _changes(parts.message, finds) and engine.redact(parts.message, finds, counts, null=False, scope=scope):
                key, headers = _message.rewritten(record.entry, parts.message.tree)
        notes: dict[str, Any] = {}
        for note, leaves in parts.notes:
            before = sum(counts.values())
            if _changes(leaves, finds := next(found)) and engine.redact(leaves, finds, counts, scope=scope):
                notes[note[0]] = leaves.tree if leaves.prefix else leaves.tree[note[0]]
            elif sum(counts.values()) == before:
                self._remember(note)
        if not counts:
            return KEEP
        notes[NOTE] = self._note(counts) if NOTE not in record.entry.notes else _merged(record.note(NOTE), counts)
        return Keep(data=data, notes=notes, key=key, headers=headers, same_layout=parts.data.same_layout)

    def _note(self, counts: Counts) -> bytes:
        """What was done, as JSON; records of one shape often have the same done to them."""
        done = tuple(counts.items())
        note = self._written.get(done)
        if note is None:
            note = orjson.dumps(_listed(counts))
            if len(self._written) >= _WRITTEN_NOTES:
                self._written.clear()
            if len(note) <= _NOTE_BYTES:
                self._written[done] = note
        return note

    def _remember(self, note: tuple[str, bytes]) -> None:
        if len(self._clean) >= _CLEAN_NOTES:
            self._clean.clear()
        if len(note[1]) <= _NOTE_BYTES:
            self._clean.add(note)


class _ByTenant:
    """The stage where tenants have policies of their own: the records of each go through theirs.

    Parameters
    ----------
    redactors
        By tenant; None is for all that have none.
    tenant
        Gives a record's tenant.
    """

    __slots__ = ("_redactors", "_tenant")

    def __init__(self, redactors: Mapping[str | None, _Redactor], tenant: Callable[[Record], str]) -> None:
        self._redactors = redactors
        self._tenant = tenant

    async def __call__(self, records: Sequence[Record]) -> list[Keep]:
        theirs: dict[str | None, list[int]] = {}
        for place, record in enumerate(records):
            tenant = self._tenant(record)
            theirs.setdefault(tenant if tenant in self._redactors else None, []).append(place)
        verdicts = [KEEP] * len(records)
        for known, places in theirs.items():
            found = await self._redactors[known]([records[place] for place in places])
            for place, verdict in zip(places, found, strict=True):
                verdicts[place] = verdict
        return verdicts


def _changes(leaves: AnyLeaves, found: Sequence[Find]) -> bool:
    return bool(found or leaves.names or leaves.whole)


def _by_size(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The records in runs of about `_RUN_BYTES`: what is looked at at once stands in the memory once more."""
    first = size = 0
    for number, record in enumerate(records):
        size += len(record.raw)
        if size > _RUN_BYTES:
            yield records[first : number + 1]
            first, size = number + 1, 0
    if first < len(records):
        yield records[first:]


def _merged(before: list[dict[str, Any]], counts: Counts) -> list[dict[str, Any]]:
    """What this and earlier stages of the kind did; what is kept is found by each of them, and counts once."""
    for item in before:
        key = (item["field"], item["category"], item["strategy"])
        now = counts.get(key, 0)
        counts[key] = max(now, item["count"]) if item["strategy"] == _policy.KEEP else now + item["count"]
    return _listed(counts)


def _listed(counts: Counts) -> list[dict[str, Any]]:
    return [
        {"category": category, "field": field, "strategy": strategy, "count": count}
        for (field, category, strategy), count in sorted(counts.items())
    ]


def check(config: Config) -> None:
    """Whether the options fit each other, and the policy file, where it is there.

    Raises
    ------
    PolicyFileError
        It is no policy file; with its line.
    ConfigurationError
        A rule (or a model) is for a category that is not looked for, a strategy does not fit, a region is unknown, or
        the policy file names no such purpose.
    """
    if config.policy_file is not None and not Path(config.policy_file).expanduser().exists():
        config = config.model_copy(update={"policy_file": None, "purpose": None})  # `build` says that it is missing
    _numbering.plan(config.regions)
    recognizers = [_recognizer.load(name, None, config.regions) for name in _categories(config)]
    make = _policy.maker(keyring.Key(b"\0" * 32, "none"))  # nothing is written with it
    for policy, fields in _settled(config).values():
        _policy.compile_policy(policy, fields, recognizers, make)


def _settled(config: Config) -> dict[str | None, Settled]:
    """What holds by tenant; None is for all that have no section of their own."""
    options = Settled(DEFAULT_POLICY | config.policy, config.fields)
    if config.policy_file is None:
        if config.purpose is not None:
            raise ConfigurationError("redact: a purpose needs a policy file", hint="set policy_file")
        return {None: options}
    file = _policy_file.load(Path(config.policy_file).expanduser())
    if config.purpose is not None:
        _policy_file.require_purpose(file, config.purpose)
    tenants: list[str | None] = [None, *file.tenants]
    looked_for = _categories(config)
    return {tenant: _policy_file.settle(file, tenant, config.purpose, options, looked_for) for tenant in tenants}


def _categories(config: Config) -> list[str]:
    """The categories to look for, in order of precedence."""
    modules = _recognizer.RECOGNIZERS
    wanted = _by_default() if config.categories is None else config.categories
    categories = in_order({modules.name(name) for name in (*wanted, *config.also)})
    if config.names_model is not None and _named.CATEGORY not in categories:
        raise ConfigurationError(
            f"redact: names_model finds {_named.CATEGORY}, which is not looked for", hint="add it to categories"
        )
    return categories


def _engine(config: Config, resources: Resources | None, rules: Settled | None = None) -> Engine:
    rules = rules or _settled(config)[None]
    modules, categories = _recognizer.RECOGNIZERS, _categories(config)
    for name in [*config.policy, *config.field_names]:
        modules.name(name)  # raises for one that is unknown
    least = config.min_confidence
    recognizers = [_recognizer.load(name, config.field_names.get(name), config.regions, least) for name in categories]
    _numbering.plan(config.regions)  # raises for a region that is unknown
    made = _compile(config, rules, recognizers, resources)
    if config.names_model is None or config.min_confidence > _spacy.SURE:
        return Engine(recognizers, made, thorough=config.thorough, decode_base64=config.decode_base64)
    read = _named.spacy(config.names_model)
    return _named.NamingEngine(recognizers, made, read, thorough=config.thorough, decode_base64=config.decode_base64)


def _by_default() -> list[str]:
    """The categories that are looked for where none are asked for."""
    modules = _recognizer.RECOGNIZERS
    return [name for name in modules.modules if getattr(modules.load(name), "BY_DEFAULT", True)]


def _compile(
    config: Config, rules: Settled, recognizers: list[_recognizer.Recognizer], resources: Resources | None
) -> Policy:
    policy, fields = rules
    if resources is None:
        return _policy.compile_policy(policy, fields, recognizers, _policy.label)
    wanted = _policy.needs_key(policy, fields, [item.category for item in recognizers])
    key = keyring.load(resources.environ, config.key_env).current if wanted else None
    return _policy.compile_policy(policy, fields, recognizers, _policy.maker(key))


def _subjects(config: Config, resources: Resources) -> Subjects:
    """Whose values are, and the vault with their keys."""
    from penstock.stores.vault import Vault, vault_url  # takes SQLAlchemy, which few need

    keys = keyring.load(resources.environ, config.key_env)
    vault = Vault(vault_url(resources.environ), keys, resources.clock)
    return Subjects(vault, keys, subject_of(config.subject), tenant_of(resources.tenant), resources.clock)
