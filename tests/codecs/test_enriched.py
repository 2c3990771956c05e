import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.codecs.enriched import MetadataWriter, encode
from penstock.model.record import Kept

_SOURCE = [
    ("penstock-source-type", b"csv"),
    ("penstock-source-id", b"in/a.csv"),
    ("penstock-record-id", b"in/a.csv:7"),
]


def test_golden_bytes():
    notes = {
        "enrichments.language": b'{"message_language":{}}',
        "license": b'{"id":"CC-BY-4.0","decision":"allow","duties":["attribution"]}',
        "quality_score": b"0.5",
        "enrichments.geo": b'{"ip_geo":{}}',
        "tenant": b'"acme"',
        "pii": b'[{"category":"email"}]',
        "entities": b'[{"type":"Person"}]',
        "relations": b"[1]",
        "schema": b'{"version":3}',
    }
    entry = Kept(1841, 1_700_000_000_000, b'{"b":1.10,"a":"\xc3\xa9"}', notes, headers=_SOURCE)
    metadata = MetadataWriter("dev", "1").write(entry, 1_736_330_400.0)
    assert encode(entry, id="orders.raw/2/1841", metadata=metadata) == (
        b'{"id":"orders.raw/2/1841","tenant":"acme","data":{"b":1.10,"a":"\xc3\xa9"},"schema":{"version":3},'
        b'"entities":[{"type":"Person"}],"relations":[1],"pii":[{"category":"email"}],'
        b'"license":{"id":"CC-BY-4.0","decision":"allow","duties":["attribution"]},'
        b'"enrichments":{"geo":{"ip_geo":{}},"language":{"message_language":{}}},'
        b'"metadata":{"source_type":"csv","source_id":"in/a.csv","record_id":"in/a.csv:7","env":"dev",'
        b'"enriched_at":"2025-01-08T10:00:00.000Z","enrichment_version":"1","quality_score":0.5}}'
    )


def test_golden_bytes_of_a_record_without_notes():
    entry = Kept(0, 0, b"{}", {})
    metadata = MetadataWriter("dev", "1").write(entry, 0.0)
    assert encode(entry, id="t/0/0", metadata=metadata, tenant=b'"default"') == (
        b'{"id":"t/0/0","tenant":"default","data":{},"schema":null,"entities":[],"relations":[],"pii":[],'
        b'"license":null,"enrichments":{},"metadata":{"source_type":null,"source_id":null,"record_id":null,'
        b'"env":"dev","enriched_at":"1970-01-01T00:00:00.000Z","enrichment_version":"1","quality_score":null}}'
    )


@pytest.mark.parametrize("entry", [Kept(0, 0, None, {}), Kept(0, 0, b"", {}, claim="sha256:00:1")])
def test_what_has_no_data_has_no_enriched_record(entry):
    with pytest.raises(ValueError, match="tombstone"):
        encode(entry, id="t/0/0", metadata=b"{}")


def test_metadata_follows_the_time_and_the_last_header():
    writer = MetadataWriter('"dev"', "v")
    entry = Kept(0, 0, b"{}", {}, headers=[*_SOURCE, ("penstock-source-type", b"jsonl"), ("penstock-source-id", None)])
    first, later = orjson.loads(writer.write(entry, 1.0)), orjson.loads(writer.write(entry, 2.25))
    assert (first["source_type"], first["source_id"], first["env"]) == ("jsonl", None, '"dev"')
    assert (first["enriched_at"], later["enriched_at"]) == ("1970-01-01T00:00:01.000Z", "1970-01-01T00:00:02.250Z")
    many = (Kept(0, 0, b"{}", {}, headers=[("penstock-source-id", b"%d" % number)]) for number in range(3000))
    found = [orjson.loads(writer.write(entry, 1.0))["source_id"] for entry in many]
    assert found == [str(number) for number in range(3000)]


def test_groups_may_be_called_anything():
    entry = Kept(0, 0, b"{}", {'enrichments.100%b "x"': b"1", "enrichments.": b"2"})
    assert orjson.loads(encode(entry, id="t/0/0", metadata=b"{}"))["enrichments"] == {"": 2, '100%b "x"': 1}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NOTES = ("tenant", "schema", "entities", "relations", "pii", "license", "quality_score")
_HEADER = st.none() | st.text(max_size=8).map(str.encode) | st.just(b"\xff")


@given(
    data=st.dictionaries(st.text(max_size=5), _JSON, max_size=4),
    notes=st.dictionaries(st.sampled_from(_NOTES), _JSON),
    groups=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), _JSON, max_size=4),
    headers=st.fixed_dictionaries({}, optional={name: _HEADER for name, _ in _SOURCE}),
    id=st.text(max_size=12),
)
@settings(derandomize=True, max_examples=200, deadline=None)
def test_equals_building_the_whole_and_encoding_it(data, notes, groups, headers, id):
    encoded = {name: orjson.dumps(value) for name, value in notes.items()}
    encoded |= {f"enrichments.{name}": orjson.dumps(value) for name, value in groups.items()}
    entry = Kept(3, 4, orjson.dumps(data), encoded, headers=list(headers.items()))
    text = {name: None if value in (None, b"\xff") else value.decode() for name, value in headers.items()}
    whole = {
        "id": id,
        "tenant": notes.get("tenant", "default"),
        "data": data,
        "schema": notes.get("schema"),
        "entities": notes.get("entities", []),
        "relations": notes.get("relations", []),
        "pii": notes.get("pii", []),
        "license": notes.get("license"),
        "enrichments": dict(sorted(groups.items())),
        "metadata": {
            "source_type": text.get("penstock-source-type"),
            "source_id": text.get("penstock-source-id"),
            "record_id": text.get("penstock-record-id"),
            "env": "dev",
            "enriched_at": "1970-01-01T00:00:00.000Z",
            "enrichment_version": "1",
            "quality_score": notes.get("quality_score"),
        },
    }
    metadata = MetadataWriter("dev", "1").write(entry, 0.0)
    assert encode(entry, id=id, metadata=metadata, tenant=b'"default"') == orjson.dumps(whole)
