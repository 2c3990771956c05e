"""What every component promises, whoever wrote it: found by the registries, nothing to be added here for a new one.

A component that cannot be built with its default options has an entry in `NEEDS`, with the reason.
"""

import asyncio
import copy
import doctest
import inspect
import os
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.redact import _recognizer
from penstock.agents.redact._policy import maker
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.redact._sealing import Scope, SubjectKey, body
from penstock.agents.redact._strategy import STRATEGIES, stand_in
from penstock.agents.state import Draft
from penstock.connectors.registry import SINKS, SOURCES, manifest
from penstock.model.component import (
    ApplyBatch,
    ApplyState,
    Enrich,
    EnrichBatch,
    Resources,
    SinkConfig,
    SourceConfig,
    StageConfig,
)
from penstock.model.errors import ConfigurationError
from penstock.model.keyring import Key
from penstock.model.record import Kept, Record, Stub
from penstock.model.registry import Registry

REGISTRIES: dict[str, Registry] = {
    "stage": registry.STAGES,
    "source": SOURCES,
    "sink": SINKS,
    "recognizer": RECOGNIZERS,
    "strategy": STRATEGIES,
}
CONFIGS: dict[str, type[BaseModel]] = {"stage": StageConfig, "source": SourceConfig, "sink": SinkConfig}

INDICATOR = {"type": "indicator", "id": "indicator--1", "pattern": "[ipv4-addr:value ISSUBSET '8.8.8.0/24']"}

NEEDS: dict[tuple[str, str], tuple[dict[str, Any], str]] = {
    ("source", "csv"): ({"path": "a.csv"}, "reads the files that it is told"),
    ("source", "jsonl"): ({"path": "a.jsonl"}, "reads the files that it is told"),
    ("stage", "http_api"): ({"url": "http://127.0.0.1:9/{{no.such.field}}"}, "asks whom it is told to"),
    ("stage", "lookup"): ({"rows": [{"key": "8.8.8.8", "value": 1}], "by": {"ip": "key"}}, "looks up where it is told"),
    ("stage", "threat_intel"): ({"indicators": [INDICATOR]}, "looks for what it is told"),
    ("sink", "file"): ({"path": "out"}, "writes to the folder that it is told"),
}
"""(kind, name) -> the options without which it cannot be, and why."""

ALL = [(kind, name) for kind, found in REGISTRIES.items() for name in sorted(found.modules)]
CONFIGURED = [(kind, name) for kind, name in ALL if kind in CONFIGS]
STAGES = sorted(registry.STAGES.modules)


def module_of(kind: str, name: str) -> ModuleType:
    return REGISTRIES[kind].load(name)


def options_of(kind: str, name: str) -> dict[str, Any]:
    return NEEDS.get((kind, name), ({}, ""))[0]


def test_there_are_components_of_every_kind() -> None:
    assert {kind for kind, _ in ALL} == set(REGISTRIES)
    assert set(NEEDS) <= set(ALL)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_the_docstring_begins_with_the_name(kind: str, name: str) -> None:
    first = (module_of(kind, name).__doc__ or "").splitlines()[0]
    assert first.startswith(f"{name}: "), first


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_it_has_a_test_file_of_its_own(kind: str, name: str, sources_folder: Path) -> None:
    parts = module_of(kind, name).__name__.split(".")[1:]
    path = Path("tests", *parts[:-1], f"test_{parts[-1]}.py")
    assert (sources_folder / path).is_file(), f"{path} is missing"


@pytest.mark.parametrize("kind", REGISTRIES)
def test_no_two_components_go_by_one_name(kind: str) -> None:
    found = REGISTRIES[kind].modules
    aliases = [alias for name in found for alias in getattr(module_of(kind, name), "ALIASES", ())]
    assert len({*found, *aliases}) == len(found) + len(aliases)
    for name in found:
        assert REGISTRIES[kind].name(name) == name
        assert all(REGISTRIES[kind].name(alias) == name for alias in getattr(module_of(kind, name), "ALIASES", ()))


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type, and in those of their fields."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models(field.annotation)
    for part in typing.get_args(annotation):
        yield from models(part)


@pytest.mark.parametrize(("kind", "name"), CONFIGURED)
def test_options_are_strict_and_described(kind: str, name: str) -> None:
    config = module_of(kind, name).Config
    assert issubclass(config, CONFIGS[kind])
    for model in models(config):
        assert model.model_config.get("extra") == "forbid", model
        assert model.model_config.get("frozen"), model
        bare = [option for option, field in model.model_fields.items() if not (field.description or "").strip()]
        assert not bare, f"{model.__name__} does not describe {', '.join(bare)}"


@pytest.mark.parametrize(("kind", "name"), CONFIGURED)
def test_an_unknown_option_is_refused(kind: str, name: str) -> None:
    with pytest.raises(ValidationError, match="no_such_option"):
        module_of(kind, name).Config.model_validate(options_of(kind, name) | {"no_such_option": 1})


@pytest.mark.parametrize(("kind", "name"), sorted(NEEDS))
def test_what_it_needs_is_needed(kind: str, name: str) -> None:
    options, reason = NEEDS[kind, name]
    assert reason
    for option in options:
        with pytest.raises((ValidationError, ConfigurationError)):
            module_of(kind, name).Config.model_validate({k: v for k, v in options.items() if k != option})


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_built_with_its_defaults(name: str, resources: Resources) -> None:
    _, function = registry.build(name, registry.configure(name, options_of("stage", name)), resources)
    assert callable(function)


@pytest.mark.parametrize(("kind", "name"), [each for each in CONFIGURED if each[0] != "stage"])
async def test_a_connector_is_built_and_closed(kind: str, name: str, resources: Resources) -> None:
    module = module_of(kind, name)
    built = module.build(module.Config.model_validate(options_of(kind, name)), resources)
    methods = ("fetch", "close") if kind == "source" else ("position", "write", "close")
    assert all(inspect.iscoroutinefunction(getattr(built, method)) for method in methods)
    if kind == "source":
        assert isinstance(built.id, str)
        assert built.id
    await built.close()


@pytest.mark.parametrize("name", sorted(STRATEGIES.modules))
@pytest.mark.parametrize("category", sorted(RECOGNIZERS.modules))
def test_a_strategy_is_built_for_a_category_or_says_why_not(name: str, category: str) -> None:
    recognizer = _recognizer.load(category, None, ("US",))
    example = module_of("recognizer", category).EXAMPLES["positive"][0]
    try:
        strategy = maker(Key(b"0123456789abcdef", "id"))(name, recognizer)
    except ConfigurationError as error:
        assert category in str(error)
        assert error.hint
        return
    subject = SubjectKey("a" * 16, bytes(32))
    scope = Scope("t/0/0", "subject", {}, {"subject": subject})
    once = stand_in(strategy, example, "a.b", scope)
    assert once == stand_in(strategy, example, "a.b", scope)
    assert (once == example) is (name == "keep")
    if strategy.seal is not None:
        module = module_of("strategy", name)
        assert once.startswith(f"{module.PREFIX}_{subject.id}_")
        assert module.reveal(body(once.rpartition("_")[2]), subject) == example
        assert strategy.seal(example, None, "t/0/0", "a.b") == f"{module.PREFIX}_erased"


@pytest.mark.parametrize("name", sorted(SOURCES.modules))
def test_a_source_has_a_manifest(name: str) -> None:
    assert manifest(name).title


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_its_examples_are_true(kind: str, name: str, run: Callable[..., Any]) -> None:
    module = module_of(kind, name)
    tests = doctest.DocTestFinder().find(module, extraglobs={"run": run})
    for test in tests:
        failed, _ = doctest.DocTestRunner().run(test)
        assert not failed, test.name
    if kind == "stage":
        assert ">>>" in (module.__doc__ or ""), "its docstring has no example"


NAMES = st.sampled_from(
    ["ip", "src_ip", "text", "message", "content", "email", "license", "user", "phone", "ssn", "iban", "name", "id",
     "image_url", "audio_url", "document_url", "", ".", "a.b", "0", "*", "\0", "é", "ann@example.com", "$ref", " "]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["\0", "a\0b", "8.8.8.8", "::1%eth0", "8.8.8.0/24", "ann@example.com", "+1 415 555 2671", "4111111111111111",
         "123-45-6789", "DE89 3704 0044 0532 0130 00", "CC-BY-4.0 OR MIT", "(" * 90, "%s%n{}", "\ufeffx", "\u202eabc",
         "Der Zug kommt heute später an.", "今日は雨が降っています。", "😀" * 20, "http://[", "data:;base64,!",
         "-" * 3000]
    ),
)  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([2**63, 2**64 - 1, -(2**63), 4111111111111111, 1e308, 5e-324, -0.0, 1e16]),
)
NASTY = st.dictionaries(
    NAMES | st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | NUMBERS | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


def nested(levels: int, leaf: Any, wrap: Callable[[Any], Any]) -> dict[str, Any]:
    for _ in range(levels):
        leaf = wrap(leaf)
    return {"user": leaf}


DEEPEST = [
    nested(252, {"ip": "8.8.8.8"}, lambda inner: {"a": inner}),
    nested(252, {"email": "ann@example.com"}, lambda inner: [inner]),
    nested(253, "ann@example.com", lambda inner: [inner]),
    nested(126, {"text": "\0"}, lambda inner: [{"email": inner}]),
]
WIDE = [{"text": "a" * 200_000}, {str(n): n for n in range(3000)}, {"ip": ["8.8.8.8"] * 2000}, {"a" * 5000: {"ip": ""}}]


@pytest.fixture(scope="module")
def chains(resources: Resources) -> dict[str, Chain]:
    """A chain for each stage alone."""
    return {name: Chain([(name, registry.configure(name, options_of("stage", name)))], resources) for name in STAGES}


def entry(data: Any, offset: int = 0) -> Kept:
    headers: Any = [("from", b"ann@example.com"), ("raw", b"\xff\0"), ("none", None)]
    notes = {"tenant": b'"x"', "enrichments.other": b'{"text":"ann@example.com"}'}
    return Kept(offset, 1, orjson.dumps(data), notes, b"\xff key", headers)


def check_nasty(name: str, chain: Chain, data: dict[str, Any]) -> None:
    before = entry(data)
    result = asyncio.run(chain.run("t", 0, [before]))
    assert before == entry(data), "the entry handed in was changed"
    (outcomes,) = [count.outcomes for count in result.counts.values()]
    # a reason in snake case is one that an enricher gives on purpose, a name in capitals that of an exception
    bad = [code for code in outcomes if code.startswith("dead:") or (code.startswith("failed:") and not code.islower())]
    assert not bad, f"{name} raised: {bad} {[aside.trace for aside in result.aside]}"
    (found,) = result.entries
    if isinstance(found, Kept):
        for note in found.notes.values():
            orjson.loads(note)
        assert isinstance(orjson.loads(found.data or b"null"), dict)
    again = asyncio.run(chain.run("t", 0, [entry(data)]))
    assert msgspec.msgpack.encode(again.entries) == msgspec.msgpack.encode(result.entries)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_raises_on_nothing_and_gives_the_same_twice(name: str, chains: dict[str, Chain]) -> None:
    @settings(derandomize=True, max_examples=70, deadline=None)
    @given(NASTY)
    def check(data: dict[str, Any]) -> None:
        check_nasty(name, chains[name], data)

    check()


@pytest.mark.parametrize("name", STAGES)
@pytest.mark.parametrize("data", [*DEEPEST, *WIDE, {}], ids=lambda data: f"{len(orjson.dumps(data))}-bytes")
def test_a_stage_raises_on_no_depth_and_no_size(name: str, data: Any, chains: dict[str, Chain]) -> None:
    check_nasty(name, chains[name], data)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_changes_nothing_in_place(name: str, resources: Resources) -> None:
    kind, function = registry.build(name, registry.configure(name, options_of("stage", name)), resources)

    async def call(record: Record) -> None:
        if kind is Enrich:
            function(record.data)
        elif kind in (ApplyBatch, EnrichBatch):
            await function([record])
        elif kind is ApplyState:
            function(record, Draft())
        else:
            function(record)

    @settings(derandomize=True, max_examples=40, deadline=None)
    @given(NASTY)
    def check(data: dict[str, Any]) -> None:
        record = Record(entry(data), "t/0/0")
        seen, noted = record.data, record.note("enrichments.other")
        before, noted_before = copy.deepcopy(seen), copy.deepcopy(noted)
        asyncio.run(call(record))
        assert record.data is seen
        assert seen == before
        assert list(seen) == list(before)
        assert noted == noted_before
        assert record.entry == entry(data)

    check()


@pytest.mark.parametrize("name", STAGES)
async def test_a_stage_is_handed_no_tombstone(name: str, chains: dict[str, Chain]) -> None:
    entries = [Kept(0, 1, None, {}, b"ann@example.com"), Stub(1, 1, "dropped", "before", "x")]
    result = await chains[name].run("t", 0, entries)
    assert (result.entries, result.counts) == (entries, {})


def test_a_stage_gives_the_same_in_another_process(environ: dict[str, str], sources_folder: Path) -> None:
    script = sources_folder / "tests/contract/stage_outputs.py"
    options = {name: options_of("stage", name) for name in STAGES}
    command = [sys.executable, str(script), environ["GEOIP_DATABASE"], orjson.dumps(options).decode()]
    found = []
    for seed in ("1", "2", "3"):
        ran = subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()[-2000:]
        found.append(orjson.loads(ran.stdout))
    assert sorted(found[0]) == STAGES
    assert found[0] == found[1] == found[2]
