"""The graph API over real HTTP: every batch applied once, whatever is repeated, overlaps, is missing or comes late."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.services import graph

STREAM = "orders/orders.raw/2"


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path}/graph.db"


@pytest.fixture
def http(serve, database):
    with httpx.Client(base_url=f"{serve(graph.create_app(database, None))}/api/v1", timeout=30) as client:
        yield client


def entity(key, type="Person", **properties):
    return {"type": type, "key": key, "properties": properties}


def relation(source, target, type="KNOWS", **properties):
    ends = ({"type": "Person", "key": key} for key in (source, target))
    return {"type": type, **dict(zip(("from", "to"), ends, strict=True)), "properties": properties}


def record(offset, *entities, relations=(), id=None, tenant="acme", deleted=False):
    return {
        "id": id or f"orders.raw/2/{offset}",
        "offset": offset,
        "tenant": tenant,
        "deleted": deleted,
        "entities": list(entities),
        "relations": list(relations),
    }


def batch(first, next, *records, epoch=0, genesis=False, stream=STREAM):
    body = {"stream": stream, "epoch": epoch, "first": first, "next": next, "records": list(records)}
    return body | ({"genesis": True} if genesis else {})


def post(http, *args, status=200, **more):
    answer = http.post("/batches", json=batch(*args, **more))
    assert answer.status_code == status, answer.text
    return answer.json()


def position(http, stream=STREAM):
    answer = http.get(f"/positions/{stream}")
    return (answer.json()["epoch"], answer.json()["next"]) if answer.status_code == 200 else None


def names(http):
    return {found["key"] for found in http.get("/entities").json()}


def persons(first, next):
    return [record(offset, entity(f"k{offset}")) for offset in range(first, next)]


def test_a_stream_starts_with_its_genesis(http):
    assert position(http) is None
    hole = post(http, 0, 2, *persons(0, 2), status=409)
    assert (hole["code"], hole["epoch"], hole["next"]) == ("hole", None, None)
    assert position(http) is None
    assert post(http, 5000, 5002, *persons(5000, 5002), genesis=True) == {"next": 5002, "applied": 2, "skipped": 0}
    assert position(http) == (0, 5002)
    assert names(http) == {"k5000", "k5001"}


def test_a_batch_that_comes_again_changes_nothing(http):
    first = batch(0, 2, record(0, entity("a", n=1)), record(1, entity("b")), genesis=True)
    assert http.post("/batches", json=first).json() == {"next": 2, "applied": 2, "skipped": 0}
    post(http, 2, 3, record(2, entity("a", n=2)))
    assert http.post("/batches", json=first).json() == {"next": 3, "applied": 0, "skipped": 2}
    assert http.get("/entities", params={"key": "a"}).json()[0]["properties"] == {"n": 2}
    assert position(http) == (0, 3)


def test_of_an_overlap_only_the_rest_is_applied(http):
    post(http, 0, 3, *persons(0, 3), genesis=True)
    changed = [record(offset, entity("other")) for offset in (1, 2)] + persons(3, 5)
    assert post(http, 1, 5, *changed) == {"next": 5, "applied": 2, "skipped": 2}
    assert names(http) == {f"k{offset}" for offset in range(5)}


def test_a_hole_is_refused_with_the_stored_position(http):
    post(http, 0, 3, *persons(0, 3), genesis=True)
    for genesis in (False, True):
        hole = post(http, 4, 6, *persons(4, 6), genesis=genesis, status=409)
        assert (hole["epoch"], hole["next"]) == (0, 3)
    assert names(http) == {"k0", "k1", "k2"}
    assert post(http, 3, 6, *persons(4, 6))["applied"] == 2  # 3 was dropped on the way: no hole


def test_an_empty_range_moves_the_position(http):
    assert post(http, 0, 7, genesis=True) == {"next": 7, "applied": 0, "skipped": 0}
    assert position(http) == (0, 7)


def test_epochs(http):
    post(http, 0, 5, *persons(0, 5), genesis=True)
    hole = post(http, 0, 1, record(0, entity("new")), epoch=1, status=409)
    assert (hole["epoch"], hole["next"]) == (0, 5)
    assert post(http, 0, 1, record(0, entity("new"), id="again/0"), epoch=1, genesis=True)["applied"] == 1
    assert position(http) == (1, 1)
    assert post(http, 5, 9, *persons(5, 9), epoch=0) == {"next": 1, "applied": 0, "skipped": 4}
    assert position(http) == (1, 1)
    assert "k5" not in names(http)


def test_streams_do_not_mix(http):
    post(http, 0, 1, record(0, entity("a"), id="x/0"), genesis=True, stream="a/x/0")
    post(http, 0, 2, genesis=True, stream="a/x/1")
    assert position(http, "a/x/0") == (0, 1)
    assert position(http, "a/x/1") == (0, 2)


def test_a_record_that_is_replayed_replaces_itself(http):
    first = record(0, entity("a"), entity("b"), relations=[relation("a", "b")])
    post(http, 0, 2, first, record(1, entity("b")), genesis=True)
    post(http, 2, 3, record(2, entity("c"), id="orders.raw/2/0"))
    assert names(http) == {"b", "c"}  # b is still spoken of by record 1
    assert http.get("/stats").json() == {"entities": {"Person": 2}, "relations": {}, "records": 2}
    found = http.get("/records/orders.raw/2/0").json()
    assert (found["offset"], [one["key"] for one in found["entities"]]) == (2, ["c"])


def test_a_record_twice_in_a_batch_counts_as_it_was_last(http):
    post(http, 0, 2, record(0, entity("a"), id="r"), record(1, entity("b"), id="r"), genesis=True)
    assert names(http) == {"b"}
    post(http, 2, 4, record(2, id="r", deleted=True), record(3, entity("c"), id="r"))
    assert names(http) == {"c"}
    post(http, 4, 6, record(4, entity("d"), id="r"), record(5, id="r", deleted=True))
    assert names(http) == set()


def test_deleting_a_record(http):
    shared, own = entity("shared"), entity("own")
    post(http, 0, 2, record(0, shared, own, relations=[relation("own", "shared")]), record(1, shared), genesis=True)
    assert post(http, 2, 3, record(2, id="orders.raw/2/0", deleted=True))["applied"] == 1
    assert names(http) == {"shared"}
    assert http.get("/stats").json() == {"entities": {"Person": 1}, "relations": {}, "records": 1}
    assert http.get("/records/orders.raw/2/0").status_code == 404
    post(http, 3, 4, record(3, id="orders.raw/2/0", deleted=True))
    post(http, 4, 5, record(4, id="orders.raw/2/1", deleted=True))
    assert http.get("/stats").json() == {"entities": {}, "relations": {}, "records": 0}


def test_properties_are_merged_and_tenants_kept_apart(http):
    post(
        http, 0, 4,
        record(0, entity("a", name="Ada", city="Paris")),
        record(1, entity("a", city="London", age=None)),
        record(2, entity("a", name="Other"), tenant="umbrella"),
        record(3, entity("a", type="Place")),
        genesis=True,
    )  # fmt: skip
    post(http, 4, 5, record(4, entity("a", age=36)))
    found = http.get("/entities", params={"type": "Person", "key": "a"}).json()
    assert [(one["tenant"], one["properties"]) for one in found] == [
        ("acme", {"name": "Ada", "city": "London", "age": 36}),
        ("umbrella", {"name": "Other"}),
    ]
    assert len(http.get("/entities", params={"tenant": "umbrella"}).json()) == 1
    assert len(http.get("/entities", params={"limit": 2}).json()) == 2
    assert http.get("/stats").json()["entities"] == {"Person": 2, "Place": 1}


def test_neighbors(http):
    relations = [relation("a", "b/c", since=2020), relation("x", "a", type="LIKES"), relation("a", "b/c", since=2021)]
    post(http, 0, 1, record(0, entity("a"), entity("b/c", n=1), relations=relations), genesis=True)
    assert http.get("/entities/Person/a/neighbors").json() == [
        {
            "direction": "out",
            "relation": {"type": "KNOWS", "properties": {"since": 2021}},
            "entity": {"tenant": "acme", "type": "Person", "key": "b/c", "properties": {"n": 1}},
        },
        {
            "direction": "in",
            "relation": {"type": "LIKES", "properties": {}},
            "entity": {"tenant": "acme", "type": "Person", "key": "x", "properties": None},
        },
    ]
    assert len(http.get("/entities/Person/a/neighbors", params={"limit": 1}).json()) == 1
    assert http.get("/entities/Person/b/c/neighbors").json()[0]["direction"] == "in"
    assert http.get("/entities/Person/a/neighbors", params={"tenant": "umbrella"}).json() == []


def test_a_record_says_what_it_speaks_of(http):
    post(http, 0, 1, record(0, entity("a", n=1), relations=[relation("a", "b", w=2)]), genesis=True)
    assert http.get("/records/orders.raw/2/0").json() == {
        "id": "orders.raw/2/0", "tenant": "acme", "stream": STREAM, "offset": 0,
        "entities": [{"tenant": "acme", "type": "Person", "key": "a", "properties": {"n": 1}}],
        "relations": [{
            "tenant": "acme", "type": "KNOWS", "from": {"type": "Person", "key": "a"},
            "to": {"type": "Person", "key": "b"}, "properties": {"w": 2},
        }],
    }  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"stream": "s"}',
        b'{"stream":"s","epoch":0,"first":0,"next":1,"records":[{"id":5}]}',
        b'{"stream":"","epoch":0,"first":0,"next":1,"records":[]}',
        b'{"stream":"s","epoch":0,"first":2,"next":1,"records":[]}',
        b'{"stream":"s","epoch":-1,"first":0,"next":1,"records":[]}',
        b'{"stream":"s","epoch":0,"first":0,"next":1,"records":[{"id":"a","offset":1,"tenant":"t"}]}',
        b'{"stream":"s","epoch":0,"first":1,"next":2,"records":[{"id":"a","offset":0,"tenant":"t"}]}',
        b'{"stream":"s","epoch":0,"first":0,"next":9,"records":[{"id":"a","offset":1,"tenant":"t"},'
        b'{"id":"b","offset":0,"tenant":"t"}]}',
        b'{"stream":"s","epoch":0,"first":0,"next":1,"records":[{"id":"a","offset":"secret","tenant":1}]}',
    ],
)
def test_what_is_no_batch(http, body):
    answer = http.post("/batches", content=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "secret" not in answer.text
    assert position(http, "s") is None


def test_a_body_without_end_is_refused(http, monkeypatch):
    monkeypatch.setattr(graph, "MAX_BYTES", 1000)
    assert http.post("/batches", content=b" " * 5000).status_code == 413


STEPS = st.lists(
    st.tuples(
        st.integers(0, 6),  # first offset
        st.integers(0, 5),  # length
        st.integers(0, 1),  # epoch
        st.booleans(),  # genesis
    ),
    max_size=8,
)


def _made(offset, epoch):
    """The record at an offset: a function of it, so that what is repeated is the same."""
    id = f"r{(offset * 7 + epoch) % 4}"
    if (offset + epoch) % 3 == 2:
        return record(offset, id=id, deleted=True)
    keys = ("a", "b", "c")[offset % 3 :]
    return record(offset, *(entity(key, last=offset) for key in keys), relations=[relation("a", keys[0])], id=id)


_COUNTER = count()


class Model:
    """The rules again, in the plainest form: one dict of records."""

    def __init__(self):
        self.position = None
        self.records = {}

    def apply(self, first, next, epoch, genesis):
        if self.position is None or self.position[0] < epoch:
            if not genesis:
                return 409
            start = first
        elif self.position[0] > epoch or self.position[1] >= next:
            return 200
        elif first > self.position[1]:
            return 409
        else:
            start = self.position[1]
        for offset in range(start, next):
            made = _made(offset, epoch)
            self.records.pop(made["id"], None)
            if not made["deleted"]:
                self.records[made["id"]] = made
        self.position = (epoch, next)
        return 200

    def keys(self):
        return {found["key"] for made in self.records.values() for found in made["entities"]}

    def relations(self):
        return {found["to"]["key"] for made in self.records.values() for found in made["relations"]}


@settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_of_batches_gives_what_the_rules_say(http, steps):
    model = Model()
    stream = tenant = f"model/{next(_COUNTER)}"
    for first, length, epoch, genesis in steps:
        records = [
            made | {"tenant": tenant, "id": f"{stream}/{made['id']}"}
            for made in (_made(offset, epoch) for offset in range(first, first + length))
        ]
        body = batch(first, first + length, *records, epoch=epoch, genesis=genesis, stream=stream)
        assert http.post("/batches", json=body).status_code == model.apply(first, first + length, epoch, genesis)
        assert position(http, stream) == model.position
    assert {one["key"] for one in http.get("/entities", params={"tenant": tenant}).json()} == model.keys()
    for id in ("r0", "r1", "r2", "r3"):
        answer = http.get(f"/records/{stream}/{id}")
        if id in model.records:
            assert {one["to"]["key"] for one in answer.json()["relations"]} <= model.relations()
            assert {one["key"] for one in answer.json()["entities"]} == {
                one["key"] for one in model.records[id]["entities"]
            }
        else:
            assert answer.status_code == 404


def test_writers_at_once_lose_nothing_and_repeat_nothing(http):
    def write(partition):
        stream = f"orders/orders.raw/{partition}"
        for first in range(0, 60, 20):
            records = [
                record(offset, entity("shared"), entity(f"k{partition}-{offset}"), id=f"{partition}/{offset}")
                for offset in range(first, first + 20)
            ]
            # Everybody sends each batch twice, as after an answer that was lost.
            for _ in range(2):
                post(http, first, first + 20, *records, genesis=first == 0, stream=stream)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert http.get("/stats").json() == {"entities": {"Person": 1 + 8 * 60}, "relations": {}, "records": 8 * 60}


def test_two_writers_of_one_stream_apply_each_record_once(http):
    def write(_):
        done = 0
        for first in range(0, 100, 10):
            done += post(http, first, first + 10, *persons(first, first + 10), genesis=first == 0)["applied"]
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(4))) == 100
    assert position(http) == (0, 100)


def test_position_and_data_outlive_a_restart(http, serve, database):
    post(http, 0, 3, *persons(0, 3), genesis=True)
    with httpx.Client(base_url=f"{serve(graph.create_app(database, None))}/api/v1") as again:
        assert position(again) == (0, 3)
        assert post(again, 0, 3, *persons(0, 3))["applied"] == 0
        assert names(again) == {"k0", "k1", "k2"}


def test_the_token_is_asked_for_everywhere_but_health(serve, database):
    with httpx.Client(base_url=serve(graph.create_app(database, "sesame"))) as http:
        assert http.get("/health").json() == {"status": "ok"}
        for method, path in (
            ("POST", "batches"),
            ("GET", "positions/a/b/0"),
            ("GET", "stats"),
            ("GET", "entities"),
            ("GET", "entities/Person/a/neighbors"),
            ("GET", "records/a/b/0"),
        ):
            assert http.request(method, f"/api/v1/{path}").status_code == 401
        http.headers["Authorization"] = "Bearer sesame"
        assert http.get("/api/v1/stats").json() == {"entities": {}, "relations": {}, "records": 0}


def test_every_route_and_the_body_of_a_batch_are_described(database):
    paths = graph.create_app(database, None).openapi()["paths"]
    assert all(operation["summary"] for path in paths.values() for operation in path.values())
    body = paths["/api/v1/batches"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["required"]) == {"stream", "epoch", "first", "next", "records"}
    assert "from" in body["properties"]["records"]["items"]["properties"]["relations"]["items"]["properties"]
