"""entity_resolution: who is one and the same, why, and that a replay says it again; nothing is remembered in clear."""

import asyncio
import random
from collections import Counter
from math import log2
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import entity_resolution
from penstock.agents.state import Draft
from penstock.model.component import Resources
from penstock.model.record import Entry, Kept

RESOURCES = Resources(environ={"PENSTOCK_HASH_KEY": "k" * 32})


class Stream:
    def __init__(self, resources: Resources = RESOURCES, **options: Any) -> None:
        self.chain = Chain([("entity_resolution", registry.configure("entity_resolution", options))], resources)
        self.state = Draft()
        self.taken = 0

    def put(self, origin: str = "", time: int = 0, key: bytes | None = None, **data: Any) -> Any:
        (found,) = self.run([Kept(self.taken, time, orjson.dumps(data), {}, key, origin=origin)])
        self.taken += 1
        return found

    def run(self, entries: list[Entry]) -> list[Any]:
        notes = []
        for entry in asyncio.run(self.chain.run("t", 0, entries, self.state)).entries:
            assert isinstance(entry, Kept), "it never stops a record"
            notes.append(orjson.loads(entry.notes.get("enrichments.entity_resolution", b"null")))
        return notes


def test_who_is_one_and_the_same_and_why() -> None:
    stream = Stream()
    first = stream.put(name="Ann Smith", email="ann@example.com", phone="+44 20 7946 0958")
    assert first == {"cluster_id": entity_resolution.cluster_id("t/0/0"), "new": True, "score": 0.0, "fields": []}
    second = stream.put(name="SMITH, Ann", email="Ann@Example.com ", birth_date="1980-01-02")
    assert second["cluster_id"] == first["cluster_id"]
    assert second["new"] is False
    assert [(f["field"], f["result"]) for f in second["fields"]] == [("name", "agrees"), ("email", "agrees")]
    assert second["fields"][1]["weight"] == round(log2(0.8 / 0.0005), 2)
    assert second["score"] == pytest.approx(log2(0.9 / 0.005) + log2(0.8 / 0.0005), abs=0.01)
    third = stream.put(name="A. Smith", phone="0044 (20) 79460958", birth_date="1980-01-02", email="other@example.com")
    assert third["new"] is True, "nothing that blocks agrees: 44 and 0044 are other digits"


def test_disagreement_weighs_against_it() -> None:
    stream = Stream()
    stream.put(name="Ann Smith", phone="7946 0958", birth_date="1980-01-02", address="1 Shore, Leith")
    found = stream.put(name="Bob Carter", phone="79460958", birth_date="1955-12-31", address="99 High Road, Ely")
    assert found["new"] is True
    assert stream.put(name="Ann Smith", phone="79460958")["new"] is False


def test_what_is_missing_says_nothing() -> None:
    stream = Stream()
    for data in ({}, {"name": None}, {"name": True}, {"name": {"first": "Ann"}}, {"x": "Ann"}):
        assert stream.put(**data) is None
    assert stream.put(address="1 Shore, Leith") is None, "no block"


def test_several_clusters_that_match_are_named() -> None:
    stream = Stream(match_weight=5)
    one = stream.put(email="ann@example.com", name="Ann Smith")
    two = stream.put(phone="79460958", name="Bob Carter")
    found = stream.put(email="ann@example.com", phone="79460958")
    assert found["cluster_id"] == one["cluster_id"], "as good as the other, and older"
    assert found["also"] == [two["cluster_id"]]


def test_a_replay_is_told_what_was_said() -> None:
    stream = Stream()
    said = [
        stream.put(name="Ann Smith", email="ann@example.com"),
        stream.put(name="Ann Smyth", email="ann@example.com"),
        stream.put(name="Bob Carter", email="bob@example.com"),
    ]
    assert stream.put("t/0/1", name="Ann Smyth", email="ann@example.com") == said[1]
    assert stream.put("t/0/0", name="Ann Smith", email="ann@example.com") == said[0]
    assert stream.put("t/0/2", name="Bob Carter", email="bob@example.com") == said[2]


@pytest.mark.parametrize(
    ("name", "again"), [("Иван Петров", "петров  ИВАН"), ("王 小明", "王 小明"), ("محمد علي", "علي محمد")]
)
def test_names_in_other_letters_than_latin_ones_are_compared_as_well(name: str, again: str) -> None:
    stream = Stream(blocking=["name:soundex"])
    first = stream.put(name=name, birth_date="1980-01-02")
    assert stream.put(name=again, birth_date="1980-01-02")["cluster_id"] == first["cluster_id"]
    assert stream.put(name=f"{name} {name}", birth_date="1980-01-02")["new"] is True


def test_rules_of_several_fields_and_the_message_key() -> None:
    compare = [{"field": "city", "by": "levenshtein", "threshold": 0.85, "m": 0.9, "u": 0.0001}]
    stream = Stream(blocking=["@key + zip:first3"], compare=compare)
    first = stream.put(zip="EH6 6QY", city="Edinburgh", key=b"a")
    assert stream.put(zip="eh6 7xx", city="Edinburg", key=b"a")["cluster_id"] == first["cluster_id"]
    assert stream.put(zip="EH6 6QY", city="Edinburgh", key=b"b")["new"] is True
    assert stream.put(zip="EH6 6QY", city="Edinburgh") is None
    config = entity_resolution.Config(blocking=("@key+zip",))
    assert not entity_resolution.spans(config)
    assert entity_resolution.spans(config.model_copy(update={"blocking": ("@key+zip", "email")}))
    assert not entity_resolution.spans(entity_resolution.Config(scope="partition"))


@pytest.mark.parametrize(
    "options",
    [
        {"blocking": ["name:metaphone"]},
        {"blocking": ["name+"]},
        {"blocking": []},
        {"compare": [{"field": "name", "u": 0.9, "m": 0.1}]},
        {"compare": [{"field": "name"}, {"field": "name"}]},
    ],
)
def test_rules_that_mean_nothing_are_refused(options: Any) -> None:
    with pytest.raises(ValidationError):
        registry.configure("entity_resolution", options)


def test_nothing_is_remembered_in_clear() -> None:
    stream, other = Stream(), Stream(Resources(environ={"PENSTOCK_HASH_KEY": "o" * 32}))
    for each in (stream, other):
        each.put(name="Ann Smith of Leith", email="ann@example.com", phone="+44 20 7946 0958")
    held = b"".join(key + (value or b"") for key, value in stream.state.changes.items())
    for secret in (b"ann", b"smith", b"leith", b"7946"):
        assert secret not in held.lower()
    assert not set(_keys(stream)) & set(_keys(other))


def _keys(stream: Stream) -> list[bytes]:
    return [key for key in stream.state.changes if key[1:2] == b"k"]


def test_what_is_remembered_is_bounded_and_a_window_ends() -> None:
    stream = Stream(max_entries=5, window_seconds=10)
    for number in range(40):
        assert stream.put(email=f"{number}@example.com", time=number)["new"] is True
    assert len([key for key in stream.state.changes if key[1:2] == b"e"]) == 5
    assert stream.put(email="39@example.com", name="x", time=10_039)["new"] is False
    assert stream.put(email="39@example.com", name="x", time=30_000)["new"] is True


PEOPLE = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["Ann Smith", "Ann Smyth", "smith ann", "Bob Carter", "B. Carter"]),
            "email": st.sampled_from(["a@x.org", "b@x.org", "A@X.ORG"]),
            "phone": st.sampled_from(["123 4567", "1234567", "7654321"]),
        },
    ),
    min_size=1,
    max_size=20,
)


@settings(derandomize=True, max_examples=120, deadline=None)
@given(PEOPLE, st.lists(st.integers(0, 20), max_size=4))
def test_any_prefix_shown_again_any_number_of_times_is_told_the_same(people: Any, prefixes: list[int]) -> None:
    stream = Stream()
    entries: list[Entry] = [Kept(n, 0, orjson.dumps(data), {}) for n, data in enumerate(people)]
    expected = stream.run(entries)
    for prefix in prefixes:
        assert stream.run(entries[:prefix]) == expected[:prefix]
    assert stream.run(entries) == expected


def test_precision_and_recall_on_people_with_errors() -> None:
    """300 people, three records each, a letter or a field lost here and there; clusters compared pair by pair."""
    random.seed(11)
    given_names = [
        "ann",
        "bob",
        "carla",
        "dmitri",
        "elena",
        "fatima",
        "george",
        "hana",
        "ivan",
        "julia",
        "kofi",
        "lena",
    ]
    families = ["smith", "carter", "okafor", "ivanova", "tanaka", "garcia", "mueller", "rossi", "novak", "silva", "kim"]
    stream, clusters = Stream(), []
    for person in range(300):
        name = f"{random.choice(given_names)} {random.choice(families)}"
        base = {
            "name": name, "email": f"{name[0]}{person}@example.com", "phone": f"79{random.randrange(10**6):06}",
            "birth_date": f"{random.randrange(1940, 2005)}-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}",
        }  # fmt: skip
        for _ in range(3):
            data = {field: value for field, value in base.items() if random.random() < 0.85}
            if "name" in data and random.random() < 0.3:
                at = random.randrange(len(name))
                data["name"] = name[:at] + name[at + 1 :]
            if found := stream.put(**data):
                clusters.append((person, found["cluster_id"]))
    pairs = _pairs(Counter(clusters))
    precision = pairs / _pairs(Counter(cluster for _, cluster in clusters))
    recall = pairs / _pairs(Counter(person for person, _ in clusters))
    print(f"precision {precision:.3f}, recall {recall:.3f}")
    assert precision > 0.98
    assert recall > 0.85


def _pairs(counts: "Counter[Any]") -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())
