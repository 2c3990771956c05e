"""lookup: joined by keys and times, from each kind of reference, while it changes, fails or is not there."""

import asyncio
import doctest
import random
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import lookup
from penstock.agents.enrich._lookups import references as _references
from penstock.agents.enrich._lookups.fresh import Fresh
from penstock.agents.enrich._lookups.index import as_it_is, as_text, as_text_in_any_case, milliseconds, plain
from penstock.agents.enrich._lookups.references import Asked, Loaded
from penstock.model.component import Event, Resources
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.record import Kept, Record
from penstock.model.table import Table

Ask = Callable[..., Awaitable[list[Any]]]
ROWS = [{"id": "007", "city": "Bern", "n": 1}, {"id": 8, "city": "Basel", "n": None}]


def record(data: dict[str, Any], timestamp: int = 0) -> Record:
    return Record(Kept(0, timestamp, orjson.dumps(data), {}), "t/0/0")


def stage(resources: Resources | None = None, **options: Any) -> Ask:
    """What is joined to each record under `match`, None, or the error's reason."""
    options = {"by": {"k": "id"}, **options}
    function: Any = registry.build("lookup", registry.configure("lookup", options), resources or Resources())[1]

    async def ask(*data: Any, timestamp: int = 0) -> list[Any]:
        records = [record(each if isinstance(each, dict) else {"k": each}, timestamp) for each in data]
        found = await function(records)
        return [
            each.reason if isinstance(each, EnrichmentError) else each and each["lookup"]["match"] for each in found
        ]

    return ask


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


def test_docstring() -> None:
    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        function: Any = registry.build(name, registry.configure(name, options), Resources())[1]
        return asyncio.run(function([record(data)]))[0]

    parsed = doctest.DocTestParser().get_doctest(lookup.__doc__ or "", {"run": run}, "lookup", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 3)


# Keys


@pytest.mark.parametrize(
    ("keys", "asked", "found"),
    [
        ("text", "007", "Bern"),
        ("text", 7, None),
        ("text", 8, "Basel"),
        ("text", "8", "Basel"),
        ("text", 8.0, "Basel"),
        ("text", " 8 ", "Basel"),
        ("text", True, None),
        ("text", None, None),
        ("text", "", None),
        ("text", [8], None),
        ("exact", "8", None),
        ("exact", 8, "Basel"),
        ("exact", "007", "Bern"),
    ],
)
async def test_keys(keys: str, asked: Any, found: str | None) -> None:
    (row,) = await stage(rows=ROWS, keys=keys)(asked)
    assert (row and row["city"]) == found


async def test_case() -> None:
    rows = [{"id": "Straße", "x": 1}]
    assert await stage(rows=rows, keys="ignore_case")("STRASSE", "straße") == [{"x": 1}] * 2
    assert await stage(rows=rows)("straße") == [None]


def test_true_is_not_one() -> None:
    assert as_it_is(True) != as_it_is(1)
    assert (as_text(True), as_text(1)) == ("true", "1")
    assert [as_text(Decimal(text)) for text in ("7.00", "7.50", "NaN")] == ["7", "7.50", "NaN"]
    assert as_text(float("nan")) != as_text(7)


async def test_several_keys_and_new_names() -> None:
    rows = [{"a": 1, "b": "x", "v": 10, "w": 0}, {"a": 1, "b": "y", "v": 20, "w": 0}, {"a": None, "b": "x", "v": 3}]
    ask = stage(rows=rows, by={"one.a": "a", "tags.0": "b"}, columns={"v": "value"})
    data = [{"one": {"a": 1}, "tags": [tag]} for tag in ("x", "y", "z")]
    assert await ask(*data, {"one": {"a": None}, "tags": ["x"]}) == [{"value": 10}, {"value": 20}, None, None]
    assert await stage(rows=ROWS, columns=["n"])("007", 8) == [{"n": 1}, {"n": None}]
    assert await stage(rows=[*ROWS, {"id": 8, "city": "Biel"}])(8) == [{"city": "Biel"}], "the last one counts"


@pytest.mark.parametrize(
    ("missing", "there", "not_there"),
    [
        ("ignore", {"x": 1}, None),
        ("mark", {"matched": True, "x": 1}, {"matched": False}),
        ("fail", {"x": 1}, "no_match"),
        ("default", {"x": 1}, {"x": 0}),
    ],
)
async def test_without_a_row(missing: str, there: Any, not_there: Any) -> None:
    ask = stage(rows=[{"id": 1, "x": 1}], missing=missing, defaults={"x": 0})
    assert await ask(1, 2, {"other": 1}) == [there, not_there, not_there]


# Times

PRICES = [
    {"id": 1, "from": "2024-01-01", "to": "2024-02-01", "price": 10},
    {"id": 1, "from": "2024-02-01T00:00:00Z", "to": None, "price": 20},
    {"id": 1, "from": "2024-03-01T00:00:00+01:00", "to": "", "price": 30},
    {"id": 1, "from": "not a time", "to": None, "price": 99},
]
JANUARY = 1_704_067_200_000
DAY = 86_400_000


@pytest.mark.parametrize(
    ("at", "price"),
    [(-1, None), (0, 10), (31 * DAY - 1, 10), (31 * DAY, 20), (60 * DAY - 3_600_001, 20), (60 * DAY - 3_600_000, 30)],
)
async def test_what_held_then(at: int, price: int | None) -> None:
    ask = stage(rows=PRICES, valid_from="from", valid_to="to")
    for _ in range(2):
        assert await ask(1, timestamp=JANUARY + at) == [price and {"price": price}]
    by_field = stage(rows=PRICES, valid_from="from", valid_to="to", at="when")
    assert await by_field({"k": 1, "when": JANUARY + at}, {"k": 1}) == [price and {"price": price}, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-01-01", JANUARY),
        ("2024-01-01T01:00:00+01:00", JANUARY),
        (JANUARY, JANUARY),
        (JANUARY // 1000, JANUARY),
        (str(JANUARY // 1000), JANUARY),
        (1.0001, 1000),
        (True, None),
        ("soon", None),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, None),
        ([], None),
    ],
)
def test_times(value: Any, expected: int | None) -> None:
    assert milliseconds(value) == expected


Interval = st.tuples(st.integers(0, 20), st.integers(0, 20))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(Interval, max_size=6), st.integers(0, 20))
def test_the_one_that_began_last_counts(intervals: list[tuple[int, int]], at: int) -> None:
    rows = [{"id": 1, "from": a / 1000, "to": b / 1000, "n": n} for n, (a, b) in enumerate(intervals)]
    holding = [(a, n) for n, (a, b) in enumerate(intervals) if a <= at < b]
    (found,) = asyncio.run(stage(rows=rows, valid_from="from", valid_to="to")(1, timestamp=at))
    assert (found and found["n"]) == (max(holding)[1] if holding else None)


# Files


def replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


async def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,city,n\n007,"Bern, CH",1\nNA,Windhoek,\n"8",,2\n', encoding="utf-8")
    ask = stage(file=str(path))
    assert await ask("007", "NA", 8, 7) == [
        {"city": "Bern, CH", "n": 1},
        {"city": "Windhoek", "n": None},
        {"city": "", "n": 2},
        None,
    ]
    (tmp_path / "b.tsv").write_text("id\tv\n1\ta,b\n")
    assert await stage(Resources(environ={"HERE": str(tmp_path)}), file="${HERE}/b.tsv")(1) == [{"v": "a,b"}]


async def test_no_digit_of_a_text_file_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "id,zip,long,price,pi,when\n"
        "1,01234,12345678901234567890,01.50,3.141592653589793,2020-01-01\n"
        "2,80331,1,2,1e3,\n"
        "3,,,,,\n"
    )
    first, second, third = await stage(file=str(path))(1, 2, 3)
    assert first == {
        "zip": "01234",
        "long": "12345678901234567890",
        "price": "01.50",
        "pi": 3.141592653589793,
        "when": "2020-01-01",
    }
    assert second == {"zip": "80331", "long": "1", "price": "2", "pi": 1000.0, "when": None}
    assert third == {"zip": "", "long": "", "price": "", "pi": None, "when": None}
    assert await stage(file=str(path), columns={"zip": "postal", "pi": "n"})(2) == [{"postal": "80331", "n": 1000.0}]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("id,name\n1,Müller\n".encode("latin-1"), "a.csv is not in UTF-8: see its column name"),
        (b"id,name,name\n1,a,b\n", "several columns called name"),
    ],
)
def test_a_file_of_text_that_would_be_read_wrongly_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ConfigurationError, match=why):
        stage(file=str(tmp_path / "a.csv"))


async def test_parquet_and_lines(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2], "d": [Decimal("1.50"), None], "t": pa.array([0, 1], pa.timestamp("ms"))})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    assert await stage(file=str(tmp_path / "a.parquet"))(1) == [{"d": "1.50", "t": "1970-01-01T00:00:00"}]
    (tmp_path / "a.jsonl").write_text('{"id": 1, "v": {"w": [1]}}\n\n{"id": 2}\n')
    assert await stage(file=str(tmp_path / "a.jsonl"))(1, 2) == [{"v": {"w": [1]}}, {}]


async def test_a_file_that_changes_is_read_again_and_one_that_breaks_is_not(tmp_path: Path) -> None:
    path, told = tmp_path / "a.csv", list[Event]()
    path.write_text("id,v\n1,old\n")
    ask = stage(Resources(report=told.append), file=str(path), refresh_seconds=0.02)
    assert await ask(1) == [{"v": "old"}]
    replace(path, "id,v\n1,new\n")

    async def is_new() -> bool:
        return await ask(1) == [{"v": "new"}]

    await until(is_new)
    replace(path, "id,v\n1,secret,ragged\n")

    async def is_told() -> bool:
        assert await ask(1) == [{"v": "new"}]
        return bool(told)

    await until(is_told)
    await asyncio.sleep(0.05)
    await ask(1)
    assert [event.code for event in told] == ["lookup_stale"]
    assert "secret" not in told[0].message
    replace(path, "id,v\n1,newer\n")

    async def is_newer() -> bool:
        return await ask(1) == [{"v": "newer"}]

    await until(is_newer)


async def test_loading_holds_nobody_up() -> None:
    go, loads = threading.Event(), list[int]()

    def load() -> Any:
        loads.append(1)
        if len(loads) > 1:
            assert go.wait(20)
        return lookup.index_of([{"id": "1", "v": len(loads)}], lookup._shape(config), 10, "rows")

    config = lookup.Config(rows=[], by={"k": "id"})
    now = [0.0]
    loaded = Loaded(Fresh("lookup", load, lambda: None, 10, lambda event: None, lambda: now[0]))
    assert await loaded.find([Asked("1", 0)]) == [{"v": 1}]
    now[0] = 11
    for _ in range(5):
        assert await loaded.find([Asked("1", 0)]) == [{"v": 1}], "the old one, at once"
        await asyncio.sleep(0.01)
    go.set()

    async def is_new() -> bool:
        return await loaded.find([Asked("1", 0)]) == [{"v": 2}]

    await until(is_new)
    assert len(loads) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.csv", None),
        ("a.txt", b"id\n1\n"),
        ("a.csv", b""),
        ("a.csv", b"other,v\n1,2\n"),
        ("a.csv", b"id,v\n\xff\xfe,1\n1,2,3\n"),
        ("a.parquet", b"PAR1 but no more"),
        ("a.parquet", random.Random(5).randbytes(100)),
    ],
)
def test_files_that_are_refused_at_once(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=name.partition(".")[0]):
        stage(file=str(tmp_path / name))


async def test_files_that_break_behind_their_head(tmp_path: Path) -> None:
    path, told = tmp_path / "a.jsonl", list[Event]()
    path.write_text('{"id": 1}\n["secret@example.com"]\n')
    ask = stage(Resources(report=told.append), file=str(path))
    assert await ask(1) == ["reference"]
    assert "line 2" in told[0].message
    assert "secret" not in told[0].message


async def test_too_many_rows() -> None:
    with pytest.raises(ConfigurationError, match="more than 1 rows"):
        stage(rows=ROWS, most_rows=1)


# Databases


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (id integer, v text, b blob)")
        connection.execute("insert into t values (1, 'one', x'6162')")
    connection.close()
    return path


async def test_a_query(base: Path) -> None:
    resources = Resources(environ={"DATABASE_URL": f"sqlite:///{base}"})
    ask = stage(resources, query="select id, v, b from t", refresh_seconds=0.02)
    assert await ask("1", 2) == [{"v": "one", "b": "ab"}, None]
    texts = stage(resources, query="""select id, v from t where '{"a":1}' != v and v like 'o%' and '10:00 :v' != v""")
    assert await texts(1) == [{"v": "one"}]
    connection = sqlite3.connect(base)
    with connection:
        connection.execute("insert into t values (2, 'two', null)")
    connection.close()

    async def is_there() -> bool:
        return await ask(2) == [{"v": "two", "b": None}]

    await until(is_there)


@pytest.mark.parametrize("query", ["select nothing from nowhere", "not sql", "select v from t; drop table t"])
async def test_a_query_that_is_refused(base: Path, query: str) -> None:
    told = list[Event]()
    resources = Resources(environ={"DATABASE_URL": f"sqlite:///{base}"}, report=told.append)
    assert await stage(resources, query=query)(1) == ["reference"]
    assert [event.code for event in told] == ["lookup_stale"]


async def test_databases_that_are_not_there(tmp_path: Path) -> None:
    missing = Resources(environ={"DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"})
    assert await stage(missing, query="select 1 as id")(1) == ["reference"]
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        stage(query="select 1")
    away = Resources(environ={"DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:9/x"})
    with pytest.raises(UnreachableError) as caught:
        await stage(away, query="select 1 as id")(1)
    assert "s3cret" not in str(caught.value)
    assert await stage(away, query="select 1 as id", on_unreachable="fail")(1) == ["unreachable"]


# Topics


async def test_a_topic() -> None:
    table, told = Table("cities"), list[Event]()
    ask = stage(Resources(table=lambda topic: table, report=told.append), topic="cities", by={"k": "_key"})
    table.put(b"1", b'{"v": "one"}')
    with pytest.raises(UnreachableError, match="cities"):
        await ask(1)
    table.ready = True
    assert await ask(1, 2) == [{"v": "one"}, None]
    table.put(b"2", b'{"v": "two"}')
    table.put(b"1", b'{"v": "uno"}')
    assert await ask(1, 2) == [{"v": "uno"}, {"v": "two"}]
    table.put(b"1", None)
    table.put(b"3", b"no JSON of secret@example.com")
    table.put(b"4", b"[]")
    assert await ask(1, 2, 3, 4) == [None, {"v": "two"}, None, None]
    assert [event.code for event in told] == ["lookup_rows_left_out"]
    assert "secret" not in told[0].message


async def test_a_topic_by_a_column_that_several_messages_have() -> None:
    table = Table("t")
    table.ready = True
    ask = stage(Resources(table=lambda topic: table), topic="t", by={"k": "id"}, columns=["v"])
    table.put(b"x", b'{"id": 1, "v": "x"}')
    table.put(b"y", b'{"id": 1, "v": "y"}')
    assert await ask(1) == [{"v": "y"}]
    table.put(b"y", b'{"id": 2, "v": "y"}')
    assert await ask(1, 2) == [{"v": "x"}, {"v": "y"}]
    table.put(b"x", None)
    assert await ask(1, 2) == [None, {"v": "y"}]


async def test_many_changes_at_once_for_frames_at_once() -> None:
    table = Table("t")
    table.ready = True
    ask = stage(Resources(table=lambda topic: table), topic="t", most_rows=3000)
    for n in range(3 * _references.AT_ONCE + 5):
        table.put(b"%d" % n, b'{"id": %d, "v": 1}' % n)
    found = await asyncio.gather(*(ask(0, 2999, 3004) for _ in range(5)))
    assert found == [[{"v": 1}, {"v": 1}, None]] * 5, "no more than most_rows"


Steps = st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers(0, 3)), max_size=12)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(Steps, st.integers(0, 12))
def test_a_topic_read_in_two_parts_is_the_same(steps: list[tuple[int, int | None]], cut: int) -> None:
    async def run() -> list[list[Any]]:
        found = []
        for parts in ([steps], [steps[:cut], steps[cut:]]):
            table = Table("t")
            table.ready = True
            ask = stage(Resources(table=lambda topic, table=table: table), topic="t")
            for part in parts:
                for owner, key in part:
                    table.put(b"%d" % owner, None if key is None else b'{"id": %d, "o": %d}' % (key, owner))
                await ask(0)
            found.append([row is None for row in await ask(0, 1, 2, 3)])
        return found

    whole, halves = asyncio.run(run())
    newest = dict(steps)
    assert whole == halves == [key not in newest.values() for key in range(4)]


# Redis


async def test_redis(redis_server: Any) -> None:
    resources = Resources(environ={"REDIS_URL": redis_server.url})
    with redis_server.client() as client:
        client.hset("c:1", mapping={"name": "Ann", "n": 1})
        client.set("j:1", '{"a": {"b": 1}}')
        client.set("j:2", "no JSON")
    hashes = stage(resources, redis="c:{{k}}", by={}, columns={"name": "who"})
    assert await hashes(1, 2, {"other": 1}) == [{"who": "Ann"}, None, None]
    assert await stage(resources, redis="j:{{k}}", redis_kind="json", by={})(1, 2, 3) == [
        {"a": {"b": 1}}, "wrong_type", None
    ]  # fmt: skip
    assert await stage(resources, redis="c:{{k}}", redis_kind="text", by={})(1) == ["wrong_type"]
    assert await stage(resources, redis="j:{{k}}", redis_kind="text", by={})(2) == [{"value": "no JSON"}]
    redis_server.kill()
    assert await hashes(1) == [{"who": "Ann"}], "what is known is known for a while"
    with pytest.raises(UnreachableError) as caught:
        await hashes(3)
    assert redis_server.password not in str(caught.value)
    assert await stage(resources, redis="c:{{k}}", by={}, on_unreachable="fail")(1) == ["unreachable"]


# Options


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"by": {"k": "id"}},
        {"rows": [], "file": "a.csv", "by": {"k": "id"}},
        {"rows": []},
        {"redis": "a", "by": {"k": "id"}},
        {"redis": "a", "valid_from": "b"},
        {"rows": [], "by": {"k": "id"}, "at": "t"},
    ],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        lookup.Config(**options)


def test_values_become_json() -> None:
    value = {1: [Decimal("0.10"), b"a", b"\0\xff", 2**70, (1,)], "d": {"e": float("inf")}}
    assert orjson.loads(orjson.dumps(plain(value))) == {"1": ["0.10", "a", "00ff", str(2**70), [1]], "d": {"e": None}}
    assert as_text_in_any_case(None) is None
