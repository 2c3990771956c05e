import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.connectors.registry import configure_source
from penstock.model.component import SourceRecord, Unreadable
from penstock.model.errors import SourceError


@pytest.fixture
def rows(tmp_path, reading):
    """Write a file, read it to its end."""

    def read(data: bytes, **options):
        path = tmp_path / "a.csv"
        path.write_bytes(data)
        found = reading("csv", path, **options).all()
        assert all(record.id.startswith(f"{path}:") for record in found)
        lines = [int(record.id.rpartition(":")[2]) for record in found]
        return [
            (line, json.loads(record.value) if isinstance(record, SourceRecord) else (record.code, record.value))
            for line, record in zip(lines, found, strict=True)
        ]

    return read


def test_rows_become_objects_by_the_names_in_the_header(rows):
    data = b'\xef\xbb\xbfid,name\r\n1,"a ""b"", c"\r\n\r\n2,"two\r\nlines"\r\n3,\xc3\xa9\x00\n4,'
    assert rows(data) == [
        (2, {"id": "1", "name": 'a "b", c'}),
        (4, {"id": "2", "name": "two\r\nlines"}),
        (6, {"id": "3", "name": "é\0"}),
        (7, {"id": "4", "name": ""}),
    ]


def test_values_are_compact_json_bytes(tmp_path, reading):
    (tmp_path / "a").write_bytes(b"a,b\n1,x\n")
    assert reading("csv", tmp_path / "a").all() == [SourceRecord(b'{"a":"1","b":"x"}', id=f"{tmp_path}/a:2")]


def test_options_of_the_format(rows):
    assert rows("n;p\né;1,5\n".encode("latin-1"), delimiter=";", encoding="latin-1") == [(2, {"n": "é", "p": "1,5"})]
    assert rows("名;x\n表;1\n".encode("shift_jis"), delimiter=";", encoding="shift_jis") == [
        (2, {"名": "表", "x": "1"})
    ]
    assert rows(b"1,2\n3,4\n", has_header=False) == [
        (1, {"column_1": "1", "column_2": "2"}),
        (2, {"column_1": "3", "column_2": "4"}),
    ]
    assert rows(b"a\tb\n\tx\n", delimiter="\t", empty_as_null=True) == [(2, {"a": None, "b": "x"})]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_a_delimiter_is_one_character(delimiter):
    with pytest.raises(ValidationError, match="delimiter"):
        configure_source("csv", {"path": "a", "delimiter": delimiter})


def test_what_is_no_row_is_set_aside_with_its_bytes_and_reading_goes_on(rows):
    data = b'a,b\n1\n2,2,"x\ny"\r\n\xff,3\na,b\n4,4\n'
    assert rows(data) == [
        (2, ("ragged_row", b"1")),
        (3, ("ragged_row", b'2,2,"x\ny"')),
        (5, ("wrong_encoding", b"\xff,3")),
        (6, ("repeated_header", b"a,b")),
        (7, {"a": "4", "b": "4"}),
    ]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'a,b\n1,"x"y\n2,2\n', [(2, ("bad_quotes", b'1,"x"y')), (3, {"a": "2", "b": "2"})]),
        (
            b'a,b\n1,"x\n2,2\n3,3\n',
            [(2, ("bad_quotes", b'1,"x')), (3, {"a": "2", "b": "2"}), (4, {"a": "3", "b": "3"})],
        ),
        (b'a,b\n1,"x\n2,"y"\n', [(2, ("bad_quotes", b'1,"x')), (3, {"a": "2", "b": "y"})]),
        (b'a,b\n1,2" pipe\n', [(2, {"a": "1", "b": '2" pipe'})]),
        (b"a,b\n1\r,2\n3,4\n", [(2, ("bad_quotes", b"1\r,2")), (3, {"a": "3", "b": "4"})]),
    ],
)
def test_quotes_that_do_not_fit_cost_one_line(rows, data, found):
    assert rows(data) == found


def test_long_rows_and_longer_ones(rows):
    data = b'a,b\n1,"' + b"x\n" * 80_000 + b'"\n2,' + b"y" * 200_001 + b'\n3,"open' + b"\nz,z" * 60_000
    found = rows(data, max_record_bytes=200_000)
    assert found[0] == (2, {"a": "1", "b": "x\n" * 80_000})
    assert found[1] == (80_003, ("record_too_long", b"2," + b"y" * 65_534))
    assert found[2] == (80_004, ("record_too_long", b'3,"open'))
    assert found[3] == (80_005, {"a": "z", "b": "z"})
    assert len(found) == 3 + 60_000


def test_types_are_strict_and_empty_cells_of_them_null(rows):
    types = {"i": "integer", "f": "float", "b": "boolean", "j": "json"}
    good = b'i,f,b,j,s\n-7, 1.5e3 ,Yes,"{""a"": [1.10]}",\n,,,,\n'
    assert rows(good, types=types) == [
        (2, {"i": -7, "f": 1500.0, "b": True, "j": {"a": [1.1]}, "s": ""}),
        (3, {"i": None, "f": None, "b": None, "j": None, "s": ""}),
    ]
    for bad in ("x,,,", "1_0,,,", "1.0,,,", "18446744073709551616,,,", ",nan,,", ",1e999,,", ",,maybe,", ",,,{"):
        assert rows(f"i,f,b,j\n{bad}\n".encode(), types=types) == [(2, ("wrong_type", bad.encode()))]
    assert rows(b'i,j\n1,\xff\n2,"9007199254740993.10"\n', types={"i": "integer", "j": "json"})[0][1][0] == (
        "wrong_encoding"
    )


def test_json_cells_keep_their_digits(tmp_path, reading):
    (tmp_path / "a").write_bytes(b"a,j\n1,9007199254740993.10\n")
    there = reading("csv", tmp_path / "a", types={"j": "json"})
    assert there.values() == [b'{"a":"1","j":9007199254740993.10}']


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (b"a,b,a\n", {}, "columns 1 and 3 of .* have the same name$"),
        (b"a,,b\n", {}, "column 2 of .* has no name"),
        (b"a,b,\n", {}, "column 3 of .* has no name"),
        (b"a,\xff\n", {}, "column 2 of .* is not utf-8"),
        (b'a,"b\n', {}, "header of .* cannot be read: bad_quotes"),
        (b"a\r1\r2\r", {}, "header of .* cannot be read"),
        (b"a,b\n", {"types": {"c": "integer"}}, "does not have: c"),
    ],
)
def test_a_header_that_cannot_be_used_is_an_error(rows, data, options, message):
    with pytest.raises(SourceError, match=message):
        rows(data, **options)


def test_messages_hold_no_cells(rows):
    with pytest.raises(SourceError) as caught:
        rows(b"ann@example.com,ann@example.com\n")
    assert "example.com" not in str(caught.value)


def test_another_header_behind_the_cursor_is_an_error_that_says_what_changed(tmp_path, reading):
    path = tmp_path / "a.csv"
    body = b"".join(b"%d,x,y\n" % number for number in range(50))
    for changed, message in [
        (b"id,mail,name\n", "other names for columns 2, 3"),
        (b"id,name,mail,town\n", "has 4 columns and had 3"),
        (b"id,name,mail\n9", "is not the file that was read before: its first 19 bytes are others$"),
    ]:
        path.write_bytes(b"id,name,mail\n" + body)
        there = reading("csv", path, page_size=1)
        there.page()
        assert there.cursor["header"] == ["id", "name", "mail"]
        path.write_bytes(changed + body)
        with pytest.raises(SourceError) as caught:
            there.page()
        assert str(path) in str(caught.value)
        with pytest.raises(SourceError, match=message.rstrip("$")):
            there.page()


def test_empty_files_have_no_rows_and_may_grow(tmp_path, reading):
    path = tmp_path / "a"
    for data in (b"", b"\n\n", b"a,b\n"):
        path.write_bytes(data)
        there = reading("csv", path)
        assert there.all() == []
        with path.open("ab") as file:
            file.write(b"a,b\n1,2\n" if not data.strip() else b"1,2\n")
        assert there.values() == [b'{"a":"1","b":"2"}']
        with path.open("ab") as file:
            file.write(b"3,4\n")
        assert there.values() == [b'{"a":"3","b":"4"}']


def test_following_waits_for_the_end_of_a_row(tmp_path, reading):
    path = tmp_path / "a"
    written, seen = b'a,b\n1,"x\ny"\n2,"z"\n', []
    there = reading("csv", path, follow=True)
    for length in range(len(written) + 1):
        path.write_bytes(written[:length])
        seen += [(length, value) for value in there.values()]
    assert seen == [(12, b'{"a":"1","b":"x\\ny"}'), (18, b'{"a":"2","b":"z"}')]


_CELL = st.text(st.sampled_from('ab",; \n\r\té\0'), max_size=6)


@given(
    table=st.lists(st.lists(_CELL, min_size=3, max_size=3), max_size=12),
    page_size=st.integers(1, 5),
    dialect=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL, ","), ("\n", csv.QUOTE_ALL, ";")]),
)
@settings(derandomize=True, max_examples=150, deadline=None)
def test_what_a_writer_wrote_is_read_in_pages_of_any_size(tmp_path_factory, reading, table, page_size, dialect):
    terminator, quoting, delimiter = dialect
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=terminator, quoting=quoting, delimiter=delimiter)
    writer.writerows([["one", "two", "three"], *table])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(out.getvalue().encode())
    there = reading("csv", path, page_size=page_size, delimiter=delimiter)
    assert [list(json.loads(value).values()) for value in there.values()] == table


@given(data=st.lists(st.sampled_from([b"a", b",", b'"', b"\n", b"\r\n", b"\xff", b"1,2\n"]), max_size=40).map(b"".join))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_every_byte_is_accounted_for_in_any_file(tmp_path_factory, reading, data):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(b"x,y\n" + data)
    whole = reading("csv", path)
    whole.all()
    single = reading("csv", path, page_size=1)
    single.all()
    assert single.found == whole.found
    lines = [int(record.id.rpartition(":")[2]) for record in whole.found]
    assert lines == sorted(set(lines))
    known = sum(len(record.value.replace(b"\n", b"")) for record in whole.found if isinstance(record, Unreadable))
    known += sum(1 for record in whole.found if isinstance(record, SourceRecord))
    assert bool(known) == bool(data.replace(b"\r", b"").replace(b"\n", b""))
    (place,) = whole.cursor["done"].values()
    assert place[0] == 4 + len(data)
