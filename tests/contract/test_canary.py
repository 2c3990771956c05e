"""Nothing personal comes out: values planted everywhere in records, and everything that comes out searched for them.

The records go through the default chain, stages that fail on every second record among it. What comes out: enriched
records (data, notes, key, headers, metadata), stubs, dead letters without their originals, logs of structlog and of the
standard library, metrics, counts, errors.
"""

import asyncio
import io
import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import orjson
import pytest
import structlog
from prometheus_client import generate_latest

from penstock.agents import registry
from penstock.agents.chain import Aside, Chain, Result
from penstock.agents.pipeline import PipelineConfig, StreamingETLPipeline
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.runtime import metrics as catalogue
from penstock.codecs import dead_letter, enriched, frame
from penstock.codecs.dead_letter import DeadLetter
from penstock.model.component import Apply, ApplyBatch, Enrich, Resources, StageConfig
from penstock.model.errors import PenstockError, StageError
from penstock.model.record import Entry, Kept, Record, Stub
from penstock.model.verdict import KEEP, Quarantine, Verdict

PLANTED = {
    "email": ["canary.one@plant-a.example", "Canary-Two@plant-b.example", "kanarie.drei@müller-pflanze.example"],
    "phone": ["+1 415 555 2671", "+44 20 7946 0958", "020 7946 0123", "+49 30 90182345"],
    "ssn": ["536-22-8145", "536 22 8146"],
    "credit_card": ["4539 5787 6362 1486", "4716123456789012", "5425233430109903"],
    "iban": ["DE75512108001245126199", "GB33 BUKB 2020 1555 5555 55"],
    "ip": ["203.0.113.77", "198.51.100.201", "2001:db8:1234:5678::9abc"],
    "br_cpf": ["390.533.447-05"],
    "crypto_address": ["bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"],
    "fi_hetu": ["131052-308T"],
    "fr_nir": ["2 95 10 99 126 111 93"],
    "in_pan": ["ACUPA7085R"],
    "it_codice_fiscale": ["RSSMRA85T10A562S"],
    "mac": ["AC:DE:48:00:11:22"],
    "us_itin": ["912-90-3456"],
    "vat_id": ["DE136695976"],
}
"""Category -> values that stand nowhere else, of categories that need no word near by to be found."""

AS_NUMBERS = [4716123456789012, 5425233430109903]
VALUES = [value for values in PLANTED.values() for value in values]
EVERYWHERE = ("tag", "redact", "license", "geoip", "language", "hash", "map")
"""The default chain; `map` writes what it reads of the data that `redact` left."""


def needles() -> list[tuple[str, re.Pattern[bytes]]]:
    """What is searched for: each value as planted, in any case, and its digits however they are grouped."""
    found = []
    for value in VALUES:
        written = {re.escape(value.encode()), re.escape(orjson.dumps(value)[1:-1])}
        written.add(re.escape(value.encode("unicode_escape")))  # as repr and json.dumps write it
        digits = re.sub(r"\D", "", value)
        if len(digits) >= 9 and ":" not in value:
            written.add(rb"[ ().-]*".join(digit.encode() for digit in digits))
        found.append((value, re.compile(b"(?i)" + b"|".join(sorted(written)))))
    return found


NEEDLES = needles()


def leaks(name: str, output: bytes) -> list[str]:
    """The planted values in `output`."""
    return [f"{name} holds {value}" for value, needle in NEEDLES if needle.search(output)]


def shapes(category: str, value: str) -> list[dict[str, Any]]:
    """A value in every place where data may have it."""
    return [
        {"a": value},
        {category: value},
        {"text": f"Dear all, please note: {value}, as of today."},
        {"message": f"Der Kunde schrieb heute wieder einen langen Brief\n{value}\tund so weiter."},
        {"user": {"contacts": [{"x": ["y", {"z": value}]}, value]}},
        {value: "as a name"},
        {"deep": {value: {"x": 1}}, "list": [{value: value}]},
        {"first": value, "second": value, "joined": f"{value};{value}"},
        {"quoted": f'he said "{value}" \\ {value}\u0001'},
        {"url": f"https://example.org/?q={value}&r=1"} if "+" not in value else {"q": f"({value})"},
        {"nested": orjson.dumps({"inner": value}).decode()},
        {"upper": value.upper()},
    ]


def entries() -> list[Entry]:
    """Records with one planted value each, in data, key, header value or header name; and a tombstone."""
    made: list[Entry] = []

    def add(data: Any, key: bytes | None = None, headers: Any = ()) -> None:
        made.append(Kept(len(made), 1_700_000_000_000, orjson.dumps(data), {}, key, list(headers)))

    for category, values in PLANTED.items():
        for value in values:
            for data in shapes(category, value):
                add(data)
            text = value.encode()
            add({"a": 1}, key=text)
            add({"a": 1}, key=orjson.dumps({"k": value}))
            add({"a": 1}, headers=[("plain", text), (category, text), ("x", b"see " + text)])
            add({"a": 1}, headers=[(value, b"x")])
            add({"tenant": value, "license": "CC-BY-4.0", "id": value})
    for number in AS_NUMBERS:
        add({"card_number": number})
        add({"a": [number, {"b": number}]})
    made.append(Kept(len(made), 0, None, {}, VALUES[0].encode(), [("h", VALUES[1].encode())]))
    return made


@dataclass
class Out:
    """Everything that came out, by name."""

    entries: list[Entry] = field(default_factory=list)
    pieces: dict[str, bytes] = field(default_factory=dict)

    def leaks(self) -> list[str]:
        return [leak for name, piece in self.pieces.items() for leak in leaks(name, piece)]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What structlog and the standard library's loggers write, everything from DEBUG on."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root, level, before = logging.getLogger(), logging.getLogger().level, structlog.get_config()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    yield stream
    structlog.configure(**before)
    root.setLevel(level)
    root.removeHandler(handler)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any, Any], str]:
    """Register a stage as an entry point would; the kind is the annotation of its build."""

    def register(name: str, kind: Any, function: Any) -> str:
        def build(config: StageConfig) -> Any:
            return function

        build.__annotations__["return"] = kind
        module = ModuleType(f"plugin_{name}")
        vars(module).update(Config=StageConfig, build=build)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(registry.STAGES.modules, name, module.__name__)
        return name

    return register


def _raises(record: Record) -> Verdict:
    """Fails on every second record, with its values in the exception."""
    if record.entry.offset % 2:
        raise ValueError(f"cannot read {record.raw!r} {record.key!r} {record.headers!r}")
    return KEEP


def _quarantines(record: Record) -> Verdict:
    return Quarantine("odd") if record.entry.offset % 3 == 0 else KEEP


async def _raises_in_batch(records: Sequence[Record]) -> Sequence[Verdict]:
    return [_raises(record) for record in records]


def _enricher_raises(data: Any) -> Any:
    raise KeyError(repr(data))


@pytest.fixture
def failing(stage: Callable[[str, Any, Any], str]) -> tuple[str, ...]:
    """Stages that fail, one of each kind, which see records before `redact` does."""
    return (
        stage("fragile", Enrich, _enricher_raises),
        stage("picky", Apply, _quarantines),
        stage("broken", Apply, _raises),
        stage("broken_batch", ApplyBatch, _raises_in_batch),
    )


def chain(names: Sequence[str], resources: Resources) -> Chain:
    options: dict[str, dict[str, Any]] = {"license": {"allow": ["CC-BY-4.0"], "field": "license"}}
    return Chain([(name, registry.configure(name, options.get(name, {}))) for name in names], resources)


def letters(asides: Sequence[Aside]) -> bytes:
    """The dead letters as written, without key, value and headers, which are as confidential as the raw topic."""
    bodies = []
    for aside in asides:
        letter = DeadLetter(
            id=aside.id,
            pipeline="p",
            stage=aside.stage,
            code=aside.code,
            outcome=aside.outcome,
            detail=aside.detail,
            trace=aside.trace,
            topic="t",
            partition=0,
            offset=aside.offset,
            timestamp=0,
            failed_at=0,
            key=VALUES[0].encode(),
            value=VALUES[0].encode(),
        )
        body = orjson.loads(dead_letter.encode(letter))
        bodies.append({name: value for name, value in body.items() if name not in ("key", "value", "headers")})
        bodies.append(letter.message_key.decode())
    return orjson.dumps(bodies)


def metrics(result: Result) -> bytes:
    """What is exposed of the counts of a frame, under the labels that the runtime gives them."""
    for name, count in result.counts.items():
        for outcome, number in count.outcomes.items():
            verdict, _, reason = outcome.partition(":")
            catalogue.VERDICTS.labels("canary", "agent", name, verdict, reason).inc(number)
    for aside in result.aside:
        catalogue.DEAD_LETTERS.labels("canary", aside.stage, aside.code).inc()
    return generate_latest(catalogue.REGISTRY)


def collect(result: Result, logs: str) -> Out:
    """What comes out of a frame: tombstones aside, whose keys are the deletes that consumers wait for."""
    out = Out([entry for entry in result.entries if not (isinstance(entry, Kept) and entry.data is None)])
    writer = enriched.MetadataWriter("dev", "1")
    for entry in out.entries:
        if isinstance(entry, Kept):
            id = f"t/0/{entry.offset}"
            out.pieces[f"enriched {entry.offset}"] = enriched.encode(entry, id=id, metadata=writer.write(entry, 0.0))
    out.pieces["frame"] = frame.encode(frame.Frame("id", 0, 0, len(result.entries), 0, True, out.entries))
    # msgpack cuts nothing and escapes nothing, so that the frame holds keys, headers and notes byte for byte
    out.pieces["dead letters"] = letters(result.aside)
    out.pieces["counts"] = metrics(result) + repr(result.counts).encode() + repr(result.aside).encode()
    out.pieces["logs"] = logs.encode()
    return out


def assert_clean(out: Out) -> None:
    found = out.leaks()
    assert not found, "\n".join(found)


def run(names: Sequence[str], resources: Resources, logged: io.StringIO) -> Out:
    return collect(asyncio.run(chain(names, resources).run("t", 0, entries())), logged.getvalue())


def test_values_of_categories_are_planted() -> None:
    assert set(PLANTED) <= set(RECOGNIZERS.modules)
    raw = frame.encode(frame.Frame("id", 0, 0, 0, 0, True, entries()))
    assert {leak.removeprefix("raw holds ") for leak in leaks("raw", raw)} == set(VALUES)


def test_nothing_personal_leaves_the_default_chain(resources: Resources, logged: io.StringIO) -> None:
    out = run(EVERYWHERE, resources, logged)
    kept = [entry for entry in out.entries if isinstance(entry, Kept)]
    assert len(kept) == len(out.entries) == len(entries()) - 1
    assert_clean(out)
    noted = {item["category"] for entry in kept for item in orjson.loads(entry.notes.get("pii", b"[]"))}
    assert noted == set(PLANTED)


@pytest.mark.parametrize("first", [True, False])
def test_nothing_personal_leaves_a_chain_whose_stages_fail(
    first: bool, failing: tuple[str, ...], resources: Resources, logged: io.StringIO
) -> None:
    names = (*failing, *EVERYWHERE) if first else (*EVERYWHERE, *failing)
    out = run(names, resources, logged)
    assert {entry.outcome for entry in out.entries if isinstance(entry, Stub)} == {"dead", "quarantined"}
    assert any(isinstance(entry, Kept) for entry in out.entries)
    assert b"fragile" in out.pieces["frame"]
    assert_clean(out)


def test_nothing_personal_leaves_where_map_stands_before_redact(resources: Resources, logged: io.StringIO) -> None:
    out = run(("tag", "map", "language", "redact", "license", "hash"), resources, logged)
    assert any(isinstance(entry, Kept) and "entities" in entry.notes for entry in out.entries)
    assert_clean(out)


async def test_nothing_personal_leaves_the_streaming_pipeline(
    failing: tuple[str, ...], resources: Resources, logged: io.StringIO
) -> None:
    config = PipelineConfig(
        tenant_id="t",
        source_name="s",
        source_type="csv",
        license="CC-BY-4.0",
        stages=("picky", "broken", "tag", "redact", {"license": {"allow": ["CC-BY-4.0"]}}, "map"),
        enricher_config={"geoip": {}, "language": {}, "hashing": {}, "fragile": {}},
    )
    pipeline = StreamingETLPipeline(config, resources)
    events: list[Any] = []
    errors: list[PenstockError] = []
    pipeline.set_provenance_handler(events.append)
    pipeline.set_error_handler(lambda error, record: errors.append(error))
    source: asyncio.Queue[Any] = asyncio.Queue()
    target: asyncio.Queue[Any] = asyncio.Queue()
    for planted in entries():
        if isinstance(planted, Kept) and planted.data is not None:
            source.put_nowait(orjson.loads(planted.data))
    source.put_nowait({"a": {VALUES[0]}})
    source.put_nowait({"a": VALUES[0] + "\ud800"})
    source.put_nowait(VALUES[0])
    source.put_nowait(None)
    told = await pipeline.process_stream(source, target)
    put = [target.get_nowait() for _ in range(target.qsize())]
    assert told["records_failed"] == len(errors) > 3
    out = Out()
    out.pieces = {
        "enriched": orjson.dumps(put),
        "events": orjson.dumps(events),
        "metrics": orjson.dumps([told, pipeline.enricher_metrics()]),
        "errors": repr([(str(error), repr(error), vars(error)) for error in errors]).encode(),
        "logs": logged.getvalue().encode(),
    }
    assert put
    assert_clean(out)


def test_a_stage_that_tells_a_value_is_caught(
    stage: Callable[[str, Any, Any], str], resources: Resources, logged: io.StringIO
) -> None:
    def tells(record: Record) -> Verdict:
        logging.getLogger("plugin").warning("odd record %r", record.raw)
        structlog.get_logger("plugin").info("odd", key=repr(record.key))
        error = StageError("tells", ValueError())
        error.message = f"cannot read {record.raw!r}"
        raise error

    name = stage("tells", Apply, tells)
    found = {leak.split(" holds ")[0] for leak in run((name, "redact"), resources, logged).leaks()}
    assert found == {"dead letters", "counts", "logs"}


def test_an_enricher_that_tells_a_value_is_caught(
    stage: Callable[[str, Any, Any], str], resources: Resources, logged: io.StringIO
) -> None:
    name = stage("tells", Enrich, lambda data: {"seen": {"first": data}})
    assert run((name, "redact"), resources, logged).leaks() == []
    found = {leak.split(" holds ")[0].split()[0] for leak in run(("hash", name), resources, logged).leaks()}
    assert found == {"enriched", "frame"}


@pytest.mark.parametrize("category", sorted(PLANTED))
def test_each_category_is_missed_where_redact_does_not_look_for_it(
    category: str, resources: Resources, logged: io.StringIO
) -> None:
    config = registry.configure("redact", {"categories": sorted(set(PLANTED) - {category})})
    result = asyncio.run(Chain([("redact", config)], resources).run("t", 0, entries()))
    leaked = {leak.split(" holds ")[1] for leak in collect(result, logged.getvalue()).leaks()}
    assert leaked & set(PLANTED[category])
