import asyncio
import doctest
import re
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import msgspec
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.redact import _prefilter, _views
from penstock.agents.redact import redact as stage_module
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.agents.redact.redact import Config, Found, build, check, finder
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError
from penstock.model.layout import layout
from penstock.model.record import Kept, Record
from penstock.model.verdict import KEEP, Keep

Redact = Callable[..., Keep]
ALL = tuple(sorted(RECOGNIZERS.modules))
WHY = {"keep": "why"}
REMOVE = dict.fromkeys(ALL, "remove")


def alone(stage: Any, record: Record) -> Keep:
    """The verdict on one record, which is the same when records like it came before, and in a frame of them."""
    again = [Record(record.entry, record.id) for _ in range(3)]
    first, *others = asyncio.run(stage([record])) + asyncio.run(stage(again))
    assert all(unhinted(other) == unhinted(first) for other in others)
    return cast(Keep, first)


def unhinted(keep: Keep) -> Keep:
    """Without the hint that only records of a known layout get."""
    return msgspec.structs.replace(keep, same_layout=False)


def pii(keep: Keep) -> dict[tuple[str, str, str], int]:
    return {(item["field"], item["category"], item["strategy"]): item["count"] for item in listed(keep)}


def listed(keep: Keep) -> list[dict[str, Any]]:
    note = keep.notes.get("pii", [])
    return cast(list[dict[str, Any]], orjson.loads(note) if isinstance(note, bytes) else note)


def test_the_example_of_the_stage(redact: Redact) -> None:
    def run(name: str, data: dict[str, Any], **options: Any) -> dict[str, Any]:
        assert name == "redact"
        keep = redact(data, **options)
        return {**keep.notes, "data": keep.data}

    results = doctest.testmod(stage_module, extraglobs={"run": run})
    assert results.attempted and not results.failed


# what becomes of a record


def test_nothing_found_leaves_the_record_as_it_is(redact: Redact) -> None:
    assert redact({"text": "nothing here", "n": 1705314600123, "at": "2024-01-15T10:30:00Z"}) is KEEP


def test_a_candidate_that_is_none_leaves_the_record_as_it_is(redact: Redact) -> None:
    assert redact({"card": "4111 1111 1111 1112"}) is KEEP


def test_every_category_by_its_default(redact: Redact) -> None:
    keep = redact(
        {
            "email": "john@example.com",
            "phone": "+1 415 555 2671",
            "ssn": "123-45-6789",
            "card": "4111 1111 1111 1111",
            "iban": "DE89 3704 0044 0532 0130 00",
            "from": "203.0.113.77",
            "n": 7,
        }
    )
    assert isinstance(keep.data, dict)
    assert re.fullmatch("hash:[0-9a-f]{8}:[0-9a-f]{32}", keep.data.pop("ssn"))
    assert keep.data == {
        "email": "j***@e***.com",
        "phone": "+1 *** *** **71",
        "card": "**** **** **** 1111",
        "iban": "DE** **** **** **** **30 00",
        "from": "203.0.113.0",
        "n": 7,
    }
    assert listed(keep)[:2] == [
        {"category": "credit_card", "field": "card", "strategy": "mask", "count": 1},
        {"category": "email", "field": "email", "strategy": "mask", "count": 1},
    ]
    assert list(pii(keep)) == sorted(pii(keep))
    assert len(pii(keep)) == 6


def test_the_data_of_the_record_is_not_changed_in_place(redact: Redact) -> None:
    entry = Kept(0, 0, orjson.dumps({"a": {"b": ["john@example.com"]}}), {})
    record = Record(entry, "t/0/0")
    before = record.data
    stage = build(Config(policy={"ssn": "mask"}), Resources())
    assert alone(stage, record).data == {"a": {"b": ["j***@e***.com"]}}
    assert record.data is before
    assert before == {"a": {"b": ["john@example.com"]}}


def test_fields_are_dotted_and_matches_of_a_field_are_counted(redact: Redact) -> None:
    keep = redact({"a": [{"b": "x@a.com, y@b.com"}, "z@c.com"]})
    assert pii(keep) == {("a.0.b", "email", "mask"): 2, ("a.1", "email", "mask"): 1}


def test_numbers_become_texts(redact: Redact) -> None:
    keep = redact({"card": 4111111111111111, "float": 4111111111111111.0, "phone": 14155552671, "n": [1.5, True, 12]})
    assert keep.data == {
        "card": "************1111",
        "float": "************1111",
        "phone": "*********71",
        "n": [1.5, True, 12],
    }


def test_a_name_of_a_field_that_is_personal(redact: Redact) -> None:
    keep = redact({"by": {"john@example.com": {"n": 1, "ip": "10.1.2.3"}, "last": 0}}, policy={"email": "remove"})
    assert keep.data == {"by": {"[email]": {"n": 1, "ip": "10.1.2.0"}, "last": 0}}
    assert list(keep.data["by"]) == ["[email]", "last"]  # type: ignore[index]
    assert pii(keep) == {("by.[email]", "email", "remove"): 1, ("by.[email].ip", "ip", "generalise"): 1}


def test_names_that_would_become_one_stay_two(redact: Redact) -> None:
    keep = redact({"ann@example.com": 1, "abe@example.com": 2, "a***@e***.com": 3})
    assert keep.data == {"a***@e***.com~2": 1, "a***@e***.com~3": 2, "a***@e***.com": 3}


def test_a_name_that_is_personal_is_found_every_time(redact: Redact) -> None:
    for _ in range(3):
        assert redact({"bob@example.com": 1, "last": 0}).data == {"b***@e***.com": 1, "last": 0}


def test_matches_never_reach_into_the_next_value(redact: Redact) -> None:
    assert (
        redact({"a": ["4111", "1111", "1111", "1111"], "b": ["john", "@example.com"], "c": "123-45", "d": "-6789"})
        is KEEP
    )
    assert redact({"call": {"me": "4155552671"}}) is KEEP


def test_escapes_do_not_hide_anything(redact: Redact) -> None:
    for text in (
        "\n415-555-2671",
        "\u0001415-555-2671\u001f",
        '"john@example.com"',
        "\\10.1.2.3\\",
        "tel\t\n4155552671",
    ):
        keep = redact({"text": text}, policy=REMOVE)
        assert pii(keep) and "2671" not in str(keep.data) and "john" not in str(keep.data), repr(text)


def test_other_spellings_do_not_hide_anything(redact: Redact) -> None:
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in "4111111111111111")
    link = "https://x.org/?m=john%40example.com&n=1"
    keep = redact({"a": f"card {wide}.", "b": wide, "u": link, "z": "jo\u200bhn@a.co"})
    assert keep.data == {
        "a": "card ************1111.",
        "b": "************1111",
        "u": "https://x.org/?m=j***@e***.com&n=1",
        "z": "j***@a***.co",
    }
    assert redact({"u": "https://x.org/a%20b%2Fc", "w": "\uff14\uff11", "z": "a\u200bb"}) is KEEP


@pytest.mark.parametrize(
    "data, hidden",
    [
        ({"nom": "Dupont", "prénom": "Zoé"}, {"nom": "******", "prénom": "***"}),
        ({"Name": "Müller", "Vorname": "Anna"}, {"Name": "******", "Vorname": "****"}),
        ({"nombre": "Ana", "apellidos": "Ruiz"}, {"nombre": "***", "apellidos": "****"}),
        ({"name": ["Lee", "Ray"], "fname": "Ann"}, {"name": ["***", "***"], "fname": "***"}),
        ({"name": "Stuhl", "fname": "Ann", "lname": "Lee"}, {"name": "Stuhl", "fname": "***", "lname": "***"}),
        ({"name": "Stuhl", "x": {"vorname": "Anna"}}, {"name": "Stuhl", "x": {"vorname": "****"}}),
        ({"geb_datum": "03.04.1985", "né le": "12/05/1988"}, {"geb_datum": "**.**.****", "né le": "**/**/****"}),
        ({"file_name": "a b", "vorname": "Anna"}, {"file_name": "a b", "vorname": "****"}),
        ({"Religionszugehörigkeit": "ev", "Führerschein": "B072RRE2I55"},
         {"Religionszugehörigkeit": None, "Führerschein": "***********"}),
    ],
)  # fmt: skip
def test_names_of_fields_in_other_languages(redact: Redact, data: dict[str, Any], hidden: dict[str, Any]) -> None:
    assert redact(data).data == hidden


def test_names_of_fields_of_ones_own_stand_alone(redact: Redact) -> None:
    keep = redact({"name": "Lee", "vorname": "Ann", "who": "Ray"}, field_names={"person_name": ["who"]})
    assert keep.data == {"name": "Lee", "vorname": "Ann", "who": "***"}


def test_json_in_a_text(redact: Redact) -> None:
    keep = redact({"body": '{"email":"john@example.com","phone":"4155552671"}'})
    assert keep.data == {"body": '{"email":"j***@e***.com","phone":"********71"}'}
    keep = redact({"body": ' [{"first_name": "Jane", "n": "Jane", "religion":"none given"}]'})
    assert keep.data == {"body": ' [{"first_name": "****", "n": "Jane", "religion":"[religion]"}]'}


@pytest.mark.parametrize(
    "text, hidden",
    [
        ('{"pin": 1234, "ssn": 123456789}', '{"pin": "[password]", "ssn": "*****6789"}'),
        ('{"n": 4111111111111111, "x": 1234}', '{"n": "************1111", "x": 1234}'),
        ('[{"card_number":4111111111111111.0}]', '[{"card_number":"************1111"}]'),
        ('{"last_name": "M\\u00fcller", "n": "M\\u00fcller"}', '{"last_name": "******", "n": "M\\u00fcller"}'),
        ('{"pr\\u00e9nom": "Zo\\u00e9"}', '{"pr\\u00e9nom": "***"}'),
        ('{"first_name": ["Jane", null, "Bob"]}', '{"first_name": ["****", null, "***"]}'),
        ('{"pins": [], "pin": [1234, 5678]}', '{"pins": [], "pin": ["[password]", "[password]"]}'),
        ('{"religion": "a \\"quoted\\" one", "n": 1}', '{"religion": "[religion]", "n": 1}'),
        ('{"note": "\\"pin\\": 1234", "pin": null, "phone": true}', None),
        ('{"note": "x", "pin": 1234, "cut', '{"note": "x", "pin": [password], "cut'),
        ("[x] card 4111111111111111", "[x] card ************1111"),
    ],
)
def test_numbers_lists_and_escapes_in_json_in_a_text(redact: Redact, text: str, hidden: str | None) -> None:
    keep = redact({"payload": text}, policy={"ssn": "mask", "credit_card": "mask"})
    if hidden is None:
        assert keep is KEEP
        return
    assert keep.data == {"payload": hidden}
    assert redact({"payload": hidden}, policy={"ssn": "mask"}) is KEEP


def test_what_is_kept_of_json_in_a_text_stays_as_it_is(redact: Redact) -> None:
    data = {"payload": '{"last_name": "M\\u00fcller", "phone": 4155552671}'}
    assert redact(data, policy={"person_name": WHY, "phone": WHY}).data is UNSET


@pytest.mark.parametrize("unit", ['\\"', '"a":[', '"a":"b",', "[1,", '{"pin":1', "1234a ", '"', "\\", '"\\'])
def test_broken_json_in_a_text_takes_no_longer(unit: str) -> None:
    text = '{"' + unit * (200_000 // len(unit))
    started = time.process_time()
    assert not list(_views.fields(text)) or unit == '"a":"b",'
    assert _views.quoted(text, [(5, 6, "x")]) == [(5, 6, "x")]
    assert time.process_time() - started < 2


def test_the_longest_match_wins_and_equals_go_by_precedence(redact: Redact) -> None:
    assert pii(redact({"t": "user@1.2.3.4.example.com"})) == {("t", "email", "mask"): 1}
    assert pii(redact({"phone": "123-45-6789"}, policy={"ssn": "mask"})) == {("phone", "ssn", "mask"): 1}


def test_what_a_longer_match_leaves_of_another_is_hidden_too(redact: Redact) -> None:
    keep = redact({"t": "2001:db8:7::415 555 2671"})
    assert keep.data == {"t": "2001:db8:7:: *** **71"}
    assert pii(keep) == {("t", "ip", "generalise"): 1, ("t", "phone", "mask"): 1}


# where it is looked for


def test_kafka_key_and_headers(redact: Redact) -> None:
    keep = redact(
        {"n": 1},
        key=b"john@example.com",
        headers=[
            ("penstock-origin", b"john@example.com"),
            ("penstock-tenant", b"ann@example.com"),
            ("x-phone", b"4155552671"),
            ("x", b"10.1.2.3"),
            ("x", None),
            ("x", b"\xff from 10.9.8.7"),
            ("bob@example.com", b"1"),
        ],
    )
    assert keep.data is UNSET
    assert keep.key == b"j***@e***.com"
    assert keep.headers == [
        ("penstock-origin", b"john@example.com"),
        ("penstock-tenant", b"a***@e***.com"),
        ("x-phone", b"********71"),
        ("x", b"10.1.2.0"),
        ("x", None),
        ("x", b"\xff from 10.9.8.0"),
        ("b***@e***.com", b"1"),
    ]
    assert pii(keep) == {
        ("kafka.key", "email", "mask"): 1,
        ("kafka.headers.penstock-tenant", "email", "mask"): 1,
        ("kafka.headers.x-phone", "phone", "mask"): 1,
        ("kafka.headers.x.0", "ip", "generalise"): 1,
        ("kafka.headers.x.1", "ip", "generalise"): 1,
        ("kafka.headers.b***@e***.com", "email", "mask"): 1,
    }


def test_a_key_and_headers_without_anything_stay(redact: Redact) -> None:
    assert redact({"n": 1}, key=b"\xff\x00", headers=[("a", b"b"), ("c", None)]) is KEEP
    keep = redact({"t": "10.1.2.3"}, key=b"k", headers=[("a", b"b")])
    assert keep.key is UNSET and keep.headers is UNSET


def test_a_key_that_is_removed_leaves_a_marker(redact: Redact) -> None:
    keep = redact({"n": 1}, key=b"john@example.com", policy={"email": "remove"})
    assert keep.key == b"[email]"  # null would mean another thing on a compacted topic


def test_notes_of_earlier_stages(redact: Redact) -> None:
    notes = {
        "entities": orjson.dumps([{"type": "Person", "properties": {"email": "john@example.com"}}]),
        "enrichments.geo": orjson.dumps({"ip_geo": {"ip": "10.1.2.3"}}),
        "schema": b'{"version":3}',
        "tenant": b'"acme"',
    }
    keep = redact({"n": 1}, notes)
    assert {name: note for name, note in keep.notes.items() if name != "pii"} == {
        "entities": [{"type": "Person", "properties": {"email": "j***@e***.com"}}],
        "enrichments.geo": {"ip_geo": {"ip": "10.1.2.0"}},
    }
    assert pii(keep) == {
        ("entities.0.properties.email", "email", "mask"): 1,
        ("enrichments.geo.ip_geo.ip", "ip", "generalise"): 1,
    }
    assert keep.data is UNSET


def test_a_note_that_is_one_text(redact: Redact) -> None:
    keep = redact({"n": 1}, {"tenant": b'"john@example.com"'})
    assert keep.notes["tenant"] == "j***@e***.com"
    assert pii(keep) == {("tenant", "email", "mask"): 1}


def test_a_note_is_found_again_after_many_others(redact: Redact) -> None:
    clean, dirty = b'{"version":3}', b'{"a":"john@example.com"}'
    for number in range(600):
        assert redact({"n": 1}, {"schema": clean, "entities": b"[%d]" % number}) is KEEP
        assert redact({"n": 1}, {"schema": dirty}).notes["schema"] == {"a": "j***@e***.com"}


def test_what_an_earlier_stage_of_the_kind_noted_stays(redact: Redact) -> None:
    earlier = [
        {"category": "email", "field": "a", "strategy": "mask", "count": 2},
        {"category": "ip", "field": "b", "strategy": "keep", "count": 1},
        {"category": "phone", "field": "z", "strategy": "mask", "count": 1},
    ]
    keep = redact(
        {"a": "john@example.com", "b": "10.1.2.3"}, {"pii": orjson.dumps(earlier)}, policy={"ip": {"keep": "why"}}
    )
    assert pii(keep) == {("a", "email", "mask"): 3, ("b", "ip", "keep"): 1, ("z", "phone", "mask"): 1}


# policy


def test_keep_is_noted_and_changes_nothing(redact: Redact) -> None:
    keep = redact({"a": "10.1.2.3", "n": 4111111111111111}, policy={"ip": WHY, "credit_card": WHY})
    assert keep.data is UNSET
    assert pii(keep) == {("a", "ip", "keep"): 1, ("n", "credit_card", "keep"): 1}


def test_remove_makes_null_or_a_marker(redact: Redact) -> None:
    keep = redact({"a": "john@example.com", "b": "to john@example.com", "n": 4111111111111111}, policy=REMOVE)
    assert keep.data == {"a": None, "b": "to [email]", "n": None}


def test_rules_of_fields(redact: Redact) -> None:
    fields = {
        "contact.email": {"keep": "why"},
        "notes": {"phone": "remove"},
        "user.password": "remove",
        "list.1": "mask",
    }
    data = {
        "contact": {"email": "john@example.com", "other": "ann@example.com"},
        "x": {"notes": ["call 415-555-2671", "john@example.com"]},
        "user": {"password": {"old": "secret"}, "name": "x"},
        "list": ["one", "two"],
    }
    keep = redact(data, fields=fields)
    assert keep.data == {
        "contact": {"email": "john@example.com", "other": "a***@e***.com"},
        "x": {"notes": ["call [phone]", "j***@e***.com"]},
        "user": {"password": None, "name": "x"},
        "list": ["one", "***"],
    }
    assert pii(keep) == {
        ("contact.email", "email", "keep"): 1,
        ("contact.other", "email", "mask"): 1,
        ("x.notes.0", "phone", "remove"): 1,
        ("x.notes.1", "email", "mask"): 1,
        ("user.password", "field", "remove"): 1,
        ("list.1", "field", "mask"): 1,
    }


@pytest.mark.parametrize("name", ["pass word", "a.b\u00e9", "p"])
def test_a_rule_alone_makes_the_record_be_looked_at(redact: Redact, name: str) -> None:
    data: Any = "secret"
    for part in reversed(name.split(".")):
        data = {part: data}
    assert pii(redact({"n": [data]} if "." not in name else data, fields={name: "hash"}))


def test_a_rule_for_an_item_of_a_list_makes_the_record_be_looked_at(redact: Redact) -> None:
    assert redact({"list": ["one", "two"]}, fields={"list.1": "mask"}).data == {"list": ["one", "***"]}
    assert redact({"0": "one"}, fields={"0": "mask"}).data == {"0": "***"}


def test_a_rule_that_hides_a_whole_value_reaches_every_leaf(redact: Redact) -> None:
    keep = redact({"secret": {"a": ["x", 12, True, None], "b": "y"}}, fields={"secret": "mask"})
    assert keep.data == {"secret": {"a": ["*", "**", "****", None], "b": "*"}}
    assert pii(keep) == {("secret", "field", "mask"): 4}


def test_rules_for_key_and_headers(redact: Redact) -> None:
    keep = redact(
        {"n": 1},
        key=b"anything",
        headers=[("token", b"abc")],
        fields={"kafka.key": "hash", "kafka.headers.token": "remove"},
    )
    assert re.fullmatch(b"hash:[0-9a-f]{8}:[0-9a-f]{32}", keep.key)  # type: ignore[arg-type]
    assert keep.headers == [("token", b"[field]")]


def test_categories_and_field_names(redact: Redact) -> None:
    assert redact({"a": "10.1.2.3"}, categories=["email"]) is KEEP
    assert pii(redact({"rufnummer": 4155552671}, field_names={"phone": ["ruf_nummer"]})) == {
        ("rufnummer", "phone", "mask"): 1
    }
    assert redact({"phone": 4155552671}, field_names={"phone": []}) is KEEP


@pytest.mark.parametrize("name", ["phone", "Phone", "homePhone", "home_phone", "PHONES", "phone2", "phone_2", "phones"])
def test_names_of_fields(redact: Redact, name: str) -> None:
    assert pii(redact({name: "4155552671"})) == {(name, "phone", "mask"): 1}
    assert pii(redact({name: ["4155552671"]})) == {(f"{name}.0", "phone", "mask"): 1}


@pytest.mark.parametrize("name", ["phone_id", "microphonex", "saxophone", "phone\n", "order"])
def test_other_names_of_fields(redact: Redact, name: str) -> None:
    assert redact({name: "4155552671"}) is KEEP


@pytest.mark.parametrize(
    "options, said",
    [
        ({"policy": {"emial": "mask"}}, "did you mean email"),
        ({"policy": {"email": "msak"}}, "did you mean mask"),
        ({"categories": ["nope"]}, "no recognizer is called nope"),
        ({"also": ["nope"]}, "no recognizer is called nope"),
        ({"fields": {"a": {"nope": "mask"}}}, "no recognizer is called nope"),
        ({"fields": {"a": {"email": "msak"}}}, "did you mean mask"),
        ({"fields": {"a": "nope"}}, "no strategy is called nope"),
        ({"field_names": {"nope": ["a"]}}, "no recognizer is called nope"),
    ],
)
def test_names_that_nothing_has(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(**options)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"policy": {"email": "generalise"}}, "email cannot be generalised"),
        ({"fields": {"a": {"age": "mask"}}}, "fields.a names age"),
        ({"regions": ["XX"]}, "region XX"),
    ],
)
def test_options_that_do_not_fit_are_found_without_a_key_and_when_it_is_built(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check(Config(**options))
    with pytest.raises(ConfigurationError, match=said):
        build(Config(**options), Resources(environ={"PENSTOCK_HASH_KEY": "k" * 32}))


def test_other_categories_are_looked_for_beside_the_usual_ones() -> None:
    found = finder(Config(also=("postal_code",)))({"plz": "10115", "mail": "ann@example.com"})
    assert [item.category for item in found] == ["email", "postal_code"]


def test_a_key_is_needed_only_to_hash() -> None:
    with pytest.raises(ConfigurationError, match=r"openssl rand -hex 32.*PENSTOCK_HASH_KEY"):
        build(Config(), Resources())
    build(Config(policy={"ssn": "mask"}), Resources())
    with pytest.raises(ConfigurationError, match="MY_KEY"):
        build(Config(policy={"ssn": "mask"}, fields={"a": {"ip": "hash"}}, key_env="MY_KEY"), Resources())


def test_the_registry_builds_it() -> None:
    _, stage = registry.build("redact", registry.configure("redact", {"policy": {"ssn": "mask"}}), Resources())
    assert alone(stage, Record(Kept(0, 0, b"{}", {}), "t/0/0")) is KEEP


# finder


def test_finder_names_places_and_no_values() -> None:
    found = finder(Config(fields={"b": {"keep": "why"}}))({"a": ["to john@example.com"], "b": "10.1.2.3", "x@y.com": 1})
    assert found == [
        Found("a.0", "email", "high", "mask", 3, 19),
        Found("b", "ip", "medium", "keep", 0, 8),
        Found("x@y.com", "email", "high", "mask", 0, 7, in_name=True),
    ]


# odd input


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"": ""},
        {"": {"": [[], {}, ""]}},
        {"a": "@" * 10_000, "b": "1" * 100_000, "c": "+" * 10_000, "d": "(" * 10_000, "e": ":" * 10_000},
        {
            "a": "a." * 50_000 + "@",
            "b": "0" * 9 + "1-" * 10_000,
            "c": "'" * 50_000 + "@a.b",
            "d": "a@" * 10_000 + "b.c",
        },
        {"a": 1e308, "b": -0.0, "c": -(2**63), "d": 2**64 - 1, "e": 1e16, "f": 123456789012.5},
        {"a": "\x00\x00", "b": "\x00john@example.com\x00", "\x00": "\x01"},
    ],
)
def test_odd_records(redact: Redact, data: dict[str, Any]) -> None:
    assert isinstance(redact(data), Keep)


@pytest.mark.parametrize(
    "matches, data",
    [
        (30_000, {"t": " ".join(f"user{number}@example.com" for number in range(30_000))}),
        (20_000, {"t": ", ".join(f"+1 212 736 {5000 + number % 1000}" for number in range(20_000))}),
        (30_000, {"email": [f"user{number}@example.com" for number in range(30_000)]}),
        (30_000, {f"field{number}": f"10.1.{number % 256}.7" for number in range(30_000)}),
        (5_000, {f"user{number}@example.com": number for number in range(5_000)}),
    ],
)
def test_many_matches_take_time_in_proportion(redact: Redact, matches: int, data: dict[str, Any]) -> None:
    """Bounded by the timeout of the test: what is quadratic in their number does not end."""
    assert sum(pii(redact(data)).values()) == matches


def test_many_names_of_fields_are_told_apart(redact: Redact) -> None:
    for number in range(0, 20_000, 50):
        data = {f"f{at}": "nothing" for at in range(number, number + 50)}
        assert pii(redact({**data, "phone": 4155552671, "x" * 5000: "a@b.co"})) == {
            ("phone", "phone", "mask"): 1,
            ("x" * 5000, "email", "mask"): 1,
        }


@pytest.mark.parametrize("empty", [{}, []])
def test_deep_nesting(redact: Redact, empty: Any) -> None:
    data: Any = "john@example.com"
    for _ in range(253):
        data = {"a": data} if empty == {} else [data]
    assert sum(pii(redact({"a": data})).values()) == 1


def test_lone_surrogates_do_not_stop_the_finder() -> None:
    assert finder(Config())({"a\ud800": "\udfffjohn@example.com\ud800", "phone": "\ud8004155552671"})


# the same as the slow way

EXAMPLES = sorted(
    {text for name in RECOGNIZERS.modules for kind in RECOGNIZERS.load(name).EXAMPLES.values() for text in kind}
)
NOISE = [
    "",
    " ",
    "a",
    "1",
    "-",
    ".",
    ":",
    "/",
    "+",
    "(",
    ")",
    '"',
    "\\",
    "\n",
    "\u0001",
    "\u00e9",
    "@",
    "_",
    ",",
    "\u00a0",
]
NOISE += ['{"ssn": "', '"}', '", "first_name":"Jane', "%40", "%20", "%2B", "\u200b", "\uff14\uff11", "\uff20", "\u3000"]
NOISE += [
    '{"pin":1234,"n":[',
    '{"phone": 4155552671, ',
    '"last_name":["Jane", "M\\u00fcller"]}',
    '{"a":4111111111111111}',
]
NOISE += ["call ", "ssn ", "2024-01-15", "10:30:00", "n", "00", "x@", "::", "\U0001f600", "系"]
texts = st.lists(st.sampled_from(EXAMPLES) | st.sampled_from(NOISE) | st.text(max_size=3), max_size=5).map("".join)
digits = st.text("0123456789 -.()+/", max_size=24)
names = st.sampled_from(["pin", "postal_code", "age", "latitude", "mrn", "religion"])
names |= st.sampled_from(["nom", "Prénom", "name", "last_name"])
names |= st.sampled_from(["a", "phone", "homePhone", "ssn", "card_number", "email", "iban", "ip", "x.y"]) | texts
numbers = st.integers(-(2**63), 2**64 - 1) | st.sampled_from([4111111111111111, 4155552671, 123456789, 12345678, 6.0])
numbers |= st.integers(-5, 10**6) | st.sampled_from([52.520008, -13.40, 0.5, 1e-7, 7.0])
numbers |= st.floats(allow_nan=False, allow_infinity=False) | st.integers(10**6, 10**17).map(float)
leaves = texts | digits | numbers | st.booleans() | st.none()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
records = st.dictionaries(names, values, max_size=4)


def agree(oracle: ModuleType, stage: Any, data: dict[str, Any]) -> None:
    known = oracle.recognizers()
    raw = orjson.dumps(data)
    data = orjson.loads(raw)
    keep = alone(stage, Record(Kept(0, 0, raw, {}), "t/0/0"))
    assert (data if keep.data is UNSET else keep.data) == oracle.redact(data, known)
    assert sum(item["count"] for item in listed(keep)) == oracle.count(data, known)


@settings(max_examples=250, derandomize=True, deadline=None)
@given(data=records)
@example(data={"phone": ["x", 4155552671], "a": "\u00014155552671"})
@example(data={"10.1.2.3 ssn": 123456789})
@example(
    data={"a": "\x00", "b\x00": "\x00x\x00", "c": "\x00john@example.com\x00", "phone": "4155552671", "\x00": "::1"}
)
@example(data={"phone": ["4111111111111", "+1 415 555 2671", "123-45-6789", "10.1.2.3.4"], "email": "10.1.2.3"})
@example(data={"a": "+1 415 555 2671 415-555-2671", "b": "4111 1111 1111 1111 12/25"})
def test_equals_the_slow_way(oracle: ModuleType, data: dict[str, Any]) -> None:
    agree(oracle, build(Config(policy=REMOVE, categories=ALL), Resources()), data)


DISGUISED = [
    "john at example dot com",
    "ann [at] example [dot] org",
    "4 1 5 5 5 5 2 6 7 1",
    "123.45.6789",
    "am9obkBleGFtcGxlLmNvbQ==",
    "j\u043ehn@ex\u0430mple.com",
    "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1",
    "see dGVsICs0OSAzMCAxMjM0NTY3OCBvaw here",
]
disguised = st.lists(st.sampled_from(DISGUISED) | st.sampled_from(NOISE), max_size=4).map(" ".join)
in_disguise = st.dictionaries(names, disguised | st.lists(disguised, max_size=2) | numbers, max_size=4)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(data=in_disguise)
@example(data={"a": "john at example dot com", "b": ["am9obkBleGFtcGxlLmNvbQ=="]})
def test_disguises_equal_the_slow_way(oracle: ModuleType, data: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle, "VIEWS", _views.views(thorough=True, decode_base64=True))
        config = Config(policy=REMOVE, categories=ALL, thorough=True, decode_base64=True)
        agree(oracle, build(config, Resources()), data)


@pytest.mark.parametrize(
    "text, hidden",
    [
        ("john at example dot com", "j***@e***.com"),
        ("mail am9obkBleGFtcGxlLmNvbQ==", "mail j***@e***.com"),
        ("card 4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1", "card ************1111"),
    ],
)
def test_disguises_are_hidden_where_asked_for(redact: Redact, text: str, hidden: str) -> None:
    assert redact({"text": text}) is KEEP
    assert redact({"text": text}, thorough=True, decode_base64=True).data == {"text": hidden}
    assert redact({"text": hidden}, thorough=True, decode_base64=True) is KEEP


def test_a_small_number_is_hidden_where_its_fields_name_vouches(redact: Redact) -> None:
    data = {"pin": 1234, "age": 42, "n": 1234, "plz": [10115, 80331], "lat": 52.520008, "x": {"lat": 1.5}}
    keep = redact(data, policy={"coordinates": "generalise"}, also=["age", "postal_code", "coordinates"])
    assert keep.data == {
        "pin": None,
        "age": "**",
        "n": 1234,
        "plz": ["*****", "*****"],
        "lat": "52.5",
        "x": {"lat": 1.5},
    }
    assert redact({"n": 94105, "x": 52.520008}, also=["postal_code", "coordinates"]) is KEEP


def test_the_types_of_fields_are_no_values_of_theirs(redact: Redact) -> None:
    schema = {"fields": {"religion": "string", "first_name": "string", "ann@example.com": "string"}, "version": 1}
    keep = redact({"a": 1}, notes={"schema": orjson.dumps(schema)})
    assert keep.notes["schema"] == {
        **schema,
        "fields": {"religion": "string", "first_name": "string", "a***@e***.com": "string"},
    }


@settings(max_examples=200, derandomize=True, deadline=None)
@given(data=records)
def test_equals_the_slow_way_without_hyperscan(oracle: ModuleType, data: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_prefilter, "prefilter", _prefilter.with_re)
        stage = build(Config(policy=REMOVE, categories=ALL), Resources())
    agree(oracle, stage, data)


some = st.sampled_from(
    ["", "x", "to john@example.com", "203.0.113.7", "4155552671", "+1 415 555 2671", "4111 1111 1111 1111"]
)
one_layout = st.fixed_dictionaries(
    {
        "a": some,
        "phone": some,
        "n": st.sampled_from([1, 4111111111111111, 4155552671]),
        "pin": st.sampled_from([0, 1234, 99999, -1]),
        "lat": st.sampled_from([52.520008, 13.5, 1.25]),
        "zips": st.lists(st.sampled_from([94105, 7.5, None, True, "10115"]), max_size=3),
        "z": st.sampled_from([1.5, 94105.0]),
        "user": st.fixed_dictionaries({"email": some, "deep": st.fixed_dictionaries({"tel": some, "t": some})}),
        "tags": st.lists(some, min_size=1, max_size=4),
        "phones": st.lists(some | st.sampled_from([4155552671, None, True]), max_size=3),
        "only": st.fixed_dictionaries({"text": some}),
    }
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(frame=st.lists(one_layout, min_size=2, max_size=5))
def test_records_of_one_layout_equal_the_slow_way(oracle: ModuleType, frame: list[dict[str, Any]]) -> None:
    known = oracle.recognizers()
    stage = build(Config(policy=REMOVE, categories=ALL), Resources())
    for _ in range(3):  # walked, walked and planned, read by the plan
        records = [Record(Kept(0, 0, orjson.dumps(data), {}), "t/0/0") for data in frame]
        for record, data, keep in zip(records, frame, asyncio.run(stage(records)), strict=True):  # type: ignore[arg-type]
            assert (data if keep.data is UNSET else keep.data) == oracle.redact(data, known)
            assert sum(item["count"] for item in listed(keep)) == oracle.count(data, known)
            assert record.data == data, "nothing is changed in place"
            if keep.same_layout and isinstance(keep.data, dict):
                assert layout(keep.data) is layout(data)


def test_large_records_are_looked_at_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_RUN_BYTES", 100)
    stage = build(Config(policy=REMOVE), Resources())
    records = [Record(Kept(0, 0, b'{"a":"x%d@example.com"}' % number, {}), "t/0/0") for number in range(50)]
    keeps = asyncio.run(stage(records))  # type: ignore[arg-type]
    assert [keep.data for keep in keeps] == [{"a": None}] * 50


apart = st.lists(st.sampled_from(EXAMPLES), max_size=3).map(" and ".join)
plain = st.dictionaries(
    st.sampled_from(["a", "phone", "ssn", "email", "card_number"]) | apart, apart | numbers, max_size=4
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(data=plain)
def test_a_second_pass_finds_nothing(redact: Redact, data: dict[str, Any]) -> None:
    once = redact(data)
    assert once is KEEP or redact(once.data) is KEEP  # type: ignore[arg-type]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(text=texts | digits)
def test_key_header_and_note_equal_the_slow_way(oracle: ModuleType, redact: Redact, text: str) -> None:
    known = oracle.recognizers()
    wanted = oracle.redact([text, "-"], known)[0]
    marker = {text: text} if wanted == text else {}
    raw = text.encode()
    keep = redact({"n": 1}, {"entities": orjson.dumps([text])}, raw, [("h", raw)], policy=REMOVE, categories=ALL)
    if marker:
        assert keep is KEEP
    else:
        spans = oracle.spans(text, None, known)
        marked = oracle._marked(text, spans)
        assert keep.key == marked.encode()
        assert keep.headers == [("h", marked.encode())]
        assert keep.notes["entities"] == [wanted]
