"""The chain: verdicts applied, failures isolated, the same bytes however the stages are grouped."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents import registry
from penstock.agents.chain import AT_ONCE, Aside, Chain, Result, trace
from penstock.model.component import Apply, ApplyBatch, Enrich, EnrichBatch, Resources, StageConfig
from penstock.model.errors import DecodeError, EnrichmentError, ServiceUnreachableError, StageError, UnreachableError
from penstock.model.record import Entry, Kept, Lost, Record, Stub
from penstock.model.verdict import KEEP, Deny, Drop, Keep, Quarantine, Verdict


def json_notes(entry: Any) -> dict[str, Any]:
    return {name: orjson.loads(note) for name, note in entry.notes.items()}


TOPIC, PARTITION = "orders.raw", 2
SECRET = "ann@example.com"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], str]:
    """Register a stage as an entry point would, by its function of records or data; the kind is its annotation."""

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


def chain(*stages: str | tuple[str, dict[str, Any]], resources: Resources | None = None) -> Chain:
    named = [(stage, {}) if isinstance(stage, str) else stage for stage in stages]
    configured = [(name, registry.configure(name, options)) for name, options in named]
    return Chain(configured, resources or Resources(environ={"PENSTOCK_HASH_KEY": "0" * 32}))


def run(stages: Chain, entries: Sequence[Entry]) -> Result:
    return asyncio.run(stages.run(TOPIC, PARTITION, entries))


def kept(offset: int, data: Any = None, **more: Any) -> Kept:
    return Kept(offset, 1000 + offset, orjson.dumps({"n": offset} if data is None else data), {}, **more)


def test_verdicts_become_entries_and_what_is_set_aside(stage: Any) -> None:
    verdicts = [
        KEEP,
        Keep(data={"m": 1}, notes={"a": {"b": 1}, "c": b"[2]"}, key=b"new", headers=[("h", b"v")]),
        Keep(data=b'{"m":2}', key=None),
        Drop("seen"),
        Deny("license_denied"),
        Quarantine("odd"),
    ]
    stage("says", Apply, lambda record: verdicts[record.data["n"]])
    entries = [kept(n, key=b"old", origin="first/0/1" if n == 5 else "") for n in range(6)]
    result = run(chain("says"), entries)
    assert result.entries == [
        Kept(0, 1000, b'{"n":0}', {}, b"old"),
        Kept(1, 1001, b'{"m":1}', {"a": b'{"b":1}', "c": b"[2]"}, b"new", [("h", b"v")]),
        Kept(2, 1002, b'{"m":2}', {}, None),
        Stub(3, 1003, "dropped", "says", "seen"),
        Stub(4, 1004, "denied", "says", "license_denied"),
        Stub(5, 1005, "quarantined", "says", "odd", "first/0/1"),
    ]
    assert result.aside == [Aside(5, "first/0/1", "says", "odd", "quarantined")]
    count = result.counts["says"]
    assert count.records == 6
    assert count.outcomes == {"kept": 3, "dropped:seen": 1, "denied:license_denied": 1, "quarantined:odd": 1}
    assert count.seconds > 0


def test_a_later_stage_sees_what_earlier_ones_left_and_only_those_that_go_on(stage: Any) -> None:
    seen: list[Any] = []
    stage("first", Apply, lambda r: Drop("odd") if r.data["n"] % 2 else Keep(data={"n": -r.data["n"]}, notes={"x": 1}))

    def second(record: Record) -> Verdict:
        seen.append((record.id, record.data, record.note("x"), record.note("y")))
        return Keep(notes={"x": 2})

    stage("second", Apply, second)
    result = run(chain("first", "second"), [kept(n) for n in range(3)])
    assert seen == [("orders.raw/2/0", {"n": 0}, 1, None), ("orders.raw/2/2", {"n": -2}, 1, None)]
    assert [entry.offset for entry in result.entries] == [0, 1, 2]
    assert (result.counts["first"].records, result.counts["second"].records) == (3, 2)


@pytest.mark.parametrize("asks", [False, True])
def test_a_long_frame_passes_in_parts_unless_a_stage_asks_a_server(stage: Any, asks: bool) -> None:
    sizes: list[int] = []

    async def apply(records: Sequence[Record]) -> list[Verdict]:
        sizes.append(len(records))
        return [Drop("third") if record.data["n"] % 3 == 0 else KEEP for record in records]

    sys.modules[registry.STAGES.modules[stage("thirds", ApplyBatch, apply)]].ALONE = asks  # type: ignore[attr-defined]
    count = 2 * AT_ONCE + 5
    result = run(chain("thirds", "hash"), [kept(n) for n in range(count)])
    assert sizes == ([count] if asks else [AT_ONCE, AT_ONCE, 5])
    assert [entry.offset for entry in result.entries] == [*range(count)]
    dropped = [entry.offset for entry in result.entries if isinstance(entry, Stub)]
    assert dropped == [*range(0, count, 3)]
    thirds, hashes = result.counts["thirds"], result.counts["hash"]
    assert (thirds.records, hashes.records) == (count, count - len(dropped))
    assert thirds.outcomes == {"kept": count - len(dropped), "dropped:third": len(dropped)}


def test_tombstones_stubs_and_lost_ranges_pass_untouched(stage: Any) -> None:
    seen: list[int] = []
    stage("looks", Apply, lambda record: seen.append(record.entry.offset) or KEEP)
    entries: list[Entry] = [Kept(0, 1, None, {}, b"k"), Stub(1, 2, "dropped", "before", "x"), Lost(2, 5), kept(6)]
    result = run(chain("looks", "hash"), entries)
    assert result.entries[:3] == entries[:3]
    assert seen == [6]
    nothing = run(chain("looks"), entries[:3])
    assert (nothing.entries, nothing.counts) == (entries[:3], {})


def test_stages_that_are_switched_off_are_left_out(stage: Any) -> None:
    stage("never", Apply, lambda record: Drop("x"))
    off = chain(("never", {"enabled": False}), "hash")
    assert off.names == ["hash"]
    assert "never" not in run(off, [kept(0)]).counts
    assert run(chain(), [kept(0)]).entries == [kept(0)]


def test_an_enricher_that_raises_is_noted_and_blocks_nothing(stage: Any) -> None:
    def enrich(data: Any) -> Any:
        if data["n"] == 1:
            raise ValueError(SECRET)
        if data["n"] == 2:
            raise DecodeError("a field cannot be read")
        return {"own": {"n": data["n"]}} if data["n"] else None

    stage("fragile", Enrich, enrich)
    stage("again", Enrich, enrich)
    result = run(chain("fragile", "again"), [kept(n) for n in range(4)])
    assert [entry.notes for entry in result.entries] == [
        {},
        {"enrichments.errors": b'{"fragile":"ValueError","again":"ValueError"}'},
        {"enrichments.errors": b'{"fragile":"decode","again":"decode"}'},
        {"enrichments.own": b'{"n":3}'},
    ]
    assert [entry.data for entry in result.entries] == [kept(n).data for n in range(4)]
    assert result.aside == []
    assert result.counts["fragile"].outcomes == {"kept": 4, "failed:ValueError": 1, "failed:decode": 1}


def test_annotations_of_one_group_are_put_together(stage: Any) -> None:
    stage("one", Enrich, lambda data: {"geo": {"a": 1, "b": 1}, "own": {"x": 1}})
    stage("two", Enrich, lambda data: {"geo": {"b": 2, "c": 2}})
    (entry,) = run(chain("one", "two"), [kept(0)]).entries
    assert entry.notes == {"enrichments.geo": b'{"a":1,"b":2,"c":2}', "enrichments.own": b'{"x":1}'}


def test_a_stage_that_raises_makes_a_dead_record_and_a_trace_without_values(stage: Any) -> None:
    def apply(record: Record) -> Verdict:
        if record.data["n"] == 1:
            raise ValueError(record.data["email"])
        if record.data["n"] == 2:
            raise DecodeError("a field cannot be read")
        return KEEP

    stage("breaks", Apply, apply)
    after: list[int] = []
    stage("after", Apply, lambda record: after.append(record.entry.offset) or KEEP)
    result = run(chain("breaks", "after"), [kept(n, {"n": n, "email": SECRET}) for n in range(4)])
    assert result.entries[1] == Stub(1, 1001, "dead", "breaks", "stage")
    assert result.entries[2] == Stub(2, 1002, "dead", "breaks", "decode")
    assert after == [0, 3]
    foreign, ours = result.aside
    assert (foreign.outcome, foreign.code, foreign.detail) == ("dead", "stage", "stage breaks raised ValueError")
    assert (ours.outcome, ours.code, ours.detail) == ("dead", "decode", "a field cannot be read")
    assert [step.rpartition(" ")[2] for step in foreign.trace][-1] == "apply"
    assert all(step.split(":")[0].endswith(".py") and "/" not in step for step in foreign.trace)
    assert SECRET not in repr(result.aside) + repr(result.counts)


def test_a_trace_has_the_innermost_eight_places() -> None:
    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise ValueError(SECRET)

    try:
        fall(20)
    except ValueError as error:
        wrapped = StageError("deep", error)
        wrapped.__cause__ = error
        assert trace(wrapped) == trace(error)
        assert [step.rpartition(" ")[2] for step in trace(error)] == ["fall"] * 8
    assert trace(ValueError()) == []


def test_a_batch_that_raises_for_one_record_isolates_it(stage: Any) -> None:
    asked: list[list[int]] = []

    async def apply(records: Sequence[Record]) -> Sequence[Verdict]:
        asked.append([record.data["n"] for record in records])
        if 1 in asked[-1]:
            raise ValueError(SECRET)
        return [Keep(notes={"x": n}) if n else Drop("zero") for n in asked[-1]]

    stage("batch", ApplyBatch, apply)
    result = run(chain("batch"), [kept(n) for n in range(3)])
    assert asked == [[0, 1, 2], [0], [1], [2]]
    assert result.entries == [
        Stub(0, 1000, "dropped", "batch", "zero"),
        Stub(1, 1001, "dead", "batch", "stage"),
        Kept(2, 1002, b'{"n":2}', {"x": b"2"}),
    ]
    assert result.aside[0].trace[-1].endswith(" apply")
    assert SECRET not in repr(result.aside)


@pytest.mark.parametrize("kind", [Enrich, Apply, ApplyBatch])
@pytest.mark.parametrize("batch_of", [1, 3])
def test_a_server_that_does_not_answer_leaves_the_chain_and_the_entries_untouched(
    stage: Any, kind: Any, batch_of: int
) -> None:
    answers = False

    def check(numbers: Sequence[int]) -> None:
        if not answers and batch_of - 1 in numbers:
            raise ServiceUnreachableError("the registry", "http://localhost:1", variable="LICENSE_REGISTRY_URL")

    async def batch(records: Sequence[Record]) -> Sequence[Verdict]:
        check([record.data["n"] for record in records])
        return [KEEP for _ in records]

    def enrich(data: Any) -> Any:
        check([data["n"]])

    functions = {Enrich: enrich, Apply: lambda record: enrich(record.data) or KEEP, ApplyBatch: batch}
    stage("asks", kind, functions[kind])
    stage("changes", Apply, lambda record: Keep(data={"n": record.data["n"]} | {"x": 1}, notes={"y": 1}, key=b"new"))
    stages = chain("changes", "hash", "asks")
    entries = [kept(n, headers=[("h", b"v")]) for n in range(batch_of)]
    before = msgspec.msgpack.encode(entries)
    with pytest.raises(UnreachableError):
        run(stages, entries)
    assert msgspec.msgpack.encode(entries) == before
    answers = True
    again = run(stages, entries)
    assert [entry.key for entry in again.entries] == [b"new"] * batch_of
    assert msgspec.msgpack.encode(entries) == before


def test_what_is_no_verdict_is_an_error_of_the_program(stage: Any) -> None:
    stage("wrong", Apply, lambda record: None)
    with pytest.raises(TypeError, match="stage wrong gave NoneType"):
        run(chain("wrong"), [kept(0)])


TEXT = st.sampled_from(
    [SECRET, "call +1 415 555 2671 now", "4111 1111 1111 1111", "Der Zug kommt heute später an.", "", "\0", "größer"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | st.ip_addresses(v=4).map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["email", "text", "ip", "a"]), inner),
    max_leaves=6,
)
DATA = st.dictionaries(st.sampled_from(["user", "message", "ip", "license", "tenant", SECRET]), VALUES, max_size=4)
ENTRIES = st.lists(
    st.one_of(
        st.tuples(DATA, st.sampled_from([None, b"k", SECRET.encode()]), st.sampled_from(["", "first/0/9"])),
        st.sampled_from(["tombstone", "stub"]),
    ),
    max_size=6,
)
STAGES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tag", {"tenant_field": "tenant"}),
    ("map", {}),
    ("redact", {}),
    ("license", {"field": "license", "unknown": "allow", "deny": ["MIT"]}),
    ("language", {}),
    ("hash", {}),
)


def made(drawn: Sequence[Any]) -> list[Entry]:
    entries: list[Entry] = []
    for offset, item in enumerate(drawn):
        if item == "tombstone":
            entries.append(Kept(offset, 0, None, {}, b"k"))
        elif item == "stub":
            entries.append(Stub(offset, 0, "dropped", "before", "x"))
        else:
            data, key, origin = item
            headers = [("from", SECRET.encode())] if key else []
            entries.append(Kept(offset, offset, orjson.dumps(data), {}, key, headers, origin))
    return entries


@cache
def pieces(cuts: tuple[bool, ...]) -> list[Chain]:
    """The stages in as many chains as `cuts` has true ones, and one; made anew, so that no chain knows another's."""
    groups: list[list[tuple[str, dict[str, Any]]]] = [[STAGES[0]]]
    for cut, one in zip(cuts, STAGES[1:], strict=True):
        groups[-1:] = [groups[-1], [one]] if cut else [[*groups[-1], one]]
    return [chain(*group) for group in groups]


@settings(derandomize=True, max_examples=120, deadline=None)
@given(ENTRIES, st.tuples(*[st.booleans()] * (len(STAGES) - 1)))
def test_any_grouping_of_the_stages_gives_the_same_bytes(drawn: Sequence[Any], cuts: tuple[bool, ...]) -> None:
    fused, grouped = made(drawn), made(drawn)
    (whole,) = pieces((False,) * (len(STAGES) - 1))
    together = run(whole, fused)
    aside: list[Aside] = []
    for piece in pieces(cuts):
        result = run(piece, grouped)
        aside += result.aside
        # as bytes from agent to agent
        grouped = msgspec.msgpack.decode(msgspec.msgpack.encode(result.entries), type=list[Entry])
    assert msgspec.msgpack.encode(grouped) == msgspec.msgpack.encode(together.entries)
    assert aside == together.aside


@settings(derandomize=True, max_examples=60, deadline=None)
@given(ENTRIES, st.integers(0, 6))
def test_frames_may_be_cut_anywhere(drawn: Sequence[Any], cut: int) -> None:
    (whole,) = pieces((False,) * (len(STAGES) - 1))
    entries = made(drawn)
    parts = run(whole, entries[:cut]).entries + run(whole, entries[cut:]).entries
    assert msgspec.msgpack.encode(parts) == msgspec.msgpack.encode(run(whole, entries).entries)


def test_an_enricher_of_batches_answers_each_record_and_blocks_none(stage: Any) -> None:
    answers: list[Any] = [
        {"words": {"n": 1}},
        None,
        ValueError("odd"),
        EnrichmentError("too_long", "a text is too long"),
        {"words": {"n": object()}},
    ]

    async def enrich(records: Sequence[Record]) -> list[Any]:
        return [answers[record.data["n"]] for record in records]

    stage("words", EnrichBatch, enrich)
    result = run(chain("words"), [kept(n) for n in range(5)])
    assert [json_notes(entry) for entry in result.entries] == [
        {"enrichments.words": {"n": 1}},
        {},
        {"enrichments.errors": {"words": "ValueError"}},
        {"enrichments.errors": {"words": "too_long"}},
        {"enrichments.errors": {"words": "TypeError"}},
    ]
    assert result.counts["words"].outcomes == {
        "kept": 5, "failed:ValueError": 1, "failed:too_long": 1, "failed:TypeError": 1,
    }  # fmt: skip


def test_a_failure_keeps_what_was_found_nonetheless(stage: Any) -> None:
    error = EnrichmentError("too_long", "a text is too long")
    error.found = {"words": {"n": 1}}

    async def enrich(records: Sequence[Record]) -> list[Any]:
        return [error for _ in records]

    stage("words", EnrichBatch, enrich)
    result = run(chain("words"), [kept(0)])
    assert json_notes(result.entries[0]) == {"enrichments.words": {"n": 1}, "enrichments.errors": {"words": "too_long"}}
    assert result.counts["words"].outcomes == {"kept": 1, "failed:too_long": 1}


def test_a_stage_that_keeps_a_record_may_say_what_failed(stage: Any) -> None:
    stage("scrub", Apply, lambda record: Keep(data={"n": None}, notes={"seen": True}, failed="odd"))
    result = run(chain("scrub"), [kept(0)])
    (entry,) = result.entries
    assert isinstance(entry, Kept) and entry.data == b'{"n":null}'
    assert json_notes(entry) == {"seen": True, "enrichments.errors": {"scrub": "odd"}}
    assert result.counts["scrub"].outcomes == {"kept": 1, "failed:odd": 1}


def test_a_batch_of_enrichments_that_raises_is_tried_record_by_record(stage: Any) -> None:
    async def enrich(records: Sequence[Record]) -> list[Any]:
        if any(record.data["n"] == 1 for record in records):
            raise ValueError("odd")
        return [{"words": {"n": record.data["n"]}} for record in records]

    stage("words", EnrichBatch, enrich)
    result = run(chain("words"), [kept(n) for n in range(3)])
    failed = {"enrichments.errors": {"words": "ValueError"}}
    assert [json_notes(entry) for entry in result.entries] == [
        {"enrichments.words": {"n": 0}}, failed, {"enrichments.words": {"n": 2}},
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["raised", "returned"])
def test_an_enricher_of_batches_decides_whether_to_wait_for_its_server(stage: Any, how: str) -> None:
    error = ServiceUnreachableError("the server", "127.0.0.1:9", seconds=0.0)

    async def enrich(records: Sequence[Record]) -> list[Any]:
        if how == "raised":
            raise error
        return [error for _ in records]

    stage("words", EnrichBatch, enrich)
    if how == "raised":
        with pytest.raises(UnreachableError):
            run(chain("words"), [kept(0)])
    else:
        (entry,) = run(chain("words"), [kept(0)]).entries
        assert json_notes(entry) == {"enrichments.errors": {"words": error.code}}


def test_annotations_that_are_no_json_are_a_failure_of_the_enricher(stage: Any) -> None:
    stage("odd", Enrich, lambda data: [{"own": {"a": {1}}}, {"own": "text"}, "text"][data["n"]])
    stage("fine", Enrich, lambda data: {"own": {"b": 1}})
    result = run(chain("fine", "odd"), [kept(n) for n in range(3)])
    for entry in result.entries:
        assert entry.notes["enrichments.own"] == b'{"b":1}'
        assert list(orjson.loads(entry.notes["enrichments.errors"])) == ["odd"]
    assert result.counts["odd"].outcomes["kept"] == 3


@pytest.mark.parametrize("keep", [Keep(notes={"x": {1}}), Keep(data={"x": {1}}), Keep(notes={"x": {7: SECRET}})])
def test_what_a_stage_keeps_must_be_json(stage: Any, keep: Keep) -> None:
    stage("odd", Apply, lambda record: keep if record.data["n"] else KEEP)
    result = run(chain("odd"), [kept(0), kept(1)])
    assert result.entries == [kept(0), Stub(1, 1001, "dead", "odd", "stage")]
    assert result.aside[0].detail == "stage odd raised TypeError"
    assert result.counts["odd"].outcomes == {"kept": 1, "dead:stage": 1}
    assert SECRET not in repr(result.aside)
