"""The demo's records: the same every time, broken where they are said to be, values what they look like."""

import csv
import hashlib
import io
from collections import Counter
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import orjson
import phonenumbers
import pytest
from stdnum import iban, luhn
from stdnum.us import ssn

from penstock.agents.enrich import language
from penstock.cli.demo import _records
from penstock.cli.demo._phrases import LANGUAGES
from penstock.cli.demo._values import Draw
from penstock.cli.demo.generate import EVENTS, TICKETS, Manifest, breakage, generate, planted
from penstock.cli.demo.networks import networks
from penstock.codecs import json as codec
from penstock.model.errors import DecodeError

RECORDS = 6_000
SEED = 7


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("demo") / "new"
    return folder, generate(folder, RECORDS, SEED)


@pytest.fixture(scope="module")
def rows(demo: tuple[Path, Manifest]) -> list[list[str]]:
    with (demo[0] / TICKETS).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


@pytest.fixture(scope="module")
def lines(demo: tuple[Path, Manifest]) -> list[bytes]:
    return (demo[0] / EVENTS).read_bytes().splitlines()


def test_bytes_are_the_same_everywhere(demo: tuple[Path, Manifest]) -> None:
    digests = {name: hashlib.sha256((demo[0] / name).read_bytes()).hexdigest()[:16] for name in (TICKETS, EVENTS)}
    assert digests == {TICKETS: "373c9693342dccd2", EVENTS: "0c7c0a1037892077"}


def test_a_record_does_not_depend_on_how_many_there_are(demo: tuple[Path, Manifest], tmp_path: Path) -> None:
    generate(tmp_path, 101, SEED)
    for name in (TICKETS, EVENTS):
        assert (demo[0] / name).read_bytes().startswith((tmp_path / name).read_bytes())
    other = generate(tmp_path, 101, SEED + 1)
    assert (other.tickets, other.events) == (51, 50)
    assert not (demo[0] / EVENTS).read_bytes().startswith((tmp_path / EVENTS).read_bytes())


def test_manifest_agrees_with_the_files(demo: tuple[Path, Manifest], rows: list[list[str]], lines: list[bytes]) -> None:
    manifest = demo[1]
    kinds: Counter[str] = Counter()
    licenses: Counter[str] = Counter()
    broken = 0
    for row in rows[1:]:
        if len(row) == len(rows[0]):
            kinds["ticket"] += 1
            licenses[row[-1]] += 1
        else:
            broken += 1
    for line in lines:
        try:
            data = codec.decode(line)
        except DecodeError:
            broken += 1
        else:
            kinds[data["type"]] += 1
            licenses[data["license"]] += 1
    assert (len(rows) - 1, len(lines)) == (manifest.tickets, manifest.events) == (3000, 3000)
    assert manifest.kinds == kinds
    assert manifest.licenses == licenses
    assert len(licenses) == 5
    assert manifest.denied == licenses["CC-BY-NC-4.0"] > 0
    assert sum(manifest.broken.values()) == broken == 9
    assert manifest.well_formed == sum(kinds.values()) == RECORDS - broken
    assert orjson.loads(orjson.dumps(manifest.to_dict())) == manifest.to_dict()


def test_every_way_of_being_broken_is_there_and_refused(rows: list[list[str]], lines: list[bytes]) -> None:
    reasons: dict[str, str] = {}
    for index in range(RECORDS):
        reason = breakage(index)
        if reason is None:
            continue
        if index % 2:
            with pytest.raises(DecodeError) as caught:
                codec.decode(lines[index // 2])
            reasons[reason] = caught.value.message
        else:
            reasons[reason] = f"{len(rows[1 + index // 2]) - len(rows[0]):+d} columns"
    assert reasons == {
        "truncated": "the message is not JSON",
        "nan": "the message holds NaN or Infinity",
        "not_utf8": "the message is not UTF-8",
        "not_an_object": "the message is not a JSON object",
        "too_few_columns": "-3 columns",
        "too_many_columns": "+2 columns",
    }


def test_one_in_five_hundred_lines_is_broken() -> None:
    assert sum(breakage(index) is not None for index in range(1, 50_000, 2)) == 50
    assert sum(breakage(index) is not None for index in range(0, 50_000, 2)) == 25


def test_ids_are_unique(rows: list[list[str]], lines: list[bytes]) -> None:
    ids = [row[0] for row in rows[1:]] + [orjson.loads(line)["id"] for line in lines if _whole(line)]
    assert len(ids) == len(set(ids))


def test_planted_values_stand_in_their_records(rows: list[list[str]], lines: list[bytes]) -> None:
    counts: Counter[str] = Counter()
    for index in range(RECORDS):
        if breakage(index):
            continue
        text = " ".join(rows[1 + index // 2]) if index % 2 == 0 else lines[index // 2].decode()
        for category, value in planted(SEED, index):
            assert value in text
            counts[category] += 1
    assert set(counts) == {"email", "phone", "credit_card", "iban", "ssn", "ip"}


def test_manifest_counts_what_is_planted(demo: tuple[Path, Manifest]) -> None:
    expected = Counter(
        category for index in range(RECORDS) if not breakage(index) for category, _ in planted(SEED, index)
    )
    assert demo[1].planted == expected


def test_values_are_valid_where_they_are_planted_and_not_where_they_are_not() -> None:
    countries = set()
    for index in range(2_000):
        draw = Draw(SEED, index)
        number = phonenumbers.parse(draw.phone())
        countries.add(number.country_code)
        assert phonenumbers.is_valid_number(number)
        assert luhn.is_valid(_digits(draw.card()))
        assert not luhn.is_valid(_digits(draw.card(valid=False)))
        assert iban.is_valid(draw.iban())
        assert not iban.is_valid(draw.iban(valid=False))
        assert ssn.is_valid(draw.ssn())
        assert draw.email("x").rpartition("@")[2].split(".")[-2:][0] == "example"
        public, private = ip_address(draw.ip()), ip_address(draw.private_ip())
        assert any(entry.network.version == public.version and public in entry.network for entry in networks())
        assert private.is_private
        for address in (public, private):  # so that what redact leaves of it is another address
            kept = ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False).network_address
            assert kept != address
        assert len(draw.planted) == 7
    assert len(countries) >= 5


def test_no_record_draws_more_than_there_is() -> None:
    for index in range(RECORDS):
        draw = Draw(SEED, index)
        (_records.event if index % 2 else _records.ticket)(draw, index)
        assert draw.left > 200


def test_content_has_what_breaks_naive_readers(rows: list[list[str]], lines: list[bytes]) -> None:
    fields = [field for row in rows for field in row]
    assert any("\n" in field for field in fields)
    assert any('"' in field for field in fields)
    assert any("," in field for field in fields)
    assert "" in fields
    text = "".join(fields)
    assert any(ord(char) > 0xFFFF for char in text)  # emoji
    data = [orjson.loads(line) for line in lines if _whole(line)]
    shapes = {type(value) for record in data for value in _leaves(record)}
    assert shapes == {str, int, float, bool, type(None), list, dict}  # the last two: empty ones


def test_messages_are_in_the_six_languages_they_say(rows: list[list[str]]) -> None:
    detect = language._detector()
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for row in rows[1:601]:
        code = row[5].partition("-")[0]
        seen[code] += 1
        found = detect(row[7])
        right[code] += found is not None and found["language"] == code
    assert set(seen) == {each.code for each in LANGUAGES} == {"en", "de", "fr", "es", "pt", "ja"}
    assert all(right[code] / seen[code] > 0.95 for code in seen), right


def test_rows_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    assert rows[0] == list(_records.COLUMNS)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    assert text.getvalue().count("\r\n") == len(rows)


def _digits(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def _whole(line: bytes) -> bool:
    try:
        codec.decode(line)
    except DecodeError:
        return False
    return True


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict) and value:
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list) and value:
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]
