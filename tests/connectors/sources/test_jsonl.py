import json
import threading
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.connectors.registry import configure_source
from penstock.connectors.sources import _lines
from penstock.model.component import SourceRecord, Unreadable
from penstock.model.errors import SourceError


def test_lines_pass_as_they_stand_with_path_and_line_as_id(tmp_path, reading):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{broken\n{"b":\r2}\n\xff\xfe\n{"last": true}')
    assert reading("jsonl", path).all() == [
        SourceRecord(b'{"a": 1}', id=f"{path}:1"),
        SourceRecord(b"{broken", id=f"{path}:4"),
        SourceRecord(b'{"b":\r2}', id=f"{path}:5"),
        SourceRecord(b"\xff\xfe", id=f"{path}:6"),
        SourceRecord(b'{"last": true}', id=f"{path}:7"),
    ]


def test_other_encodings_become_utf8_and_what_does_not_decode_is_set_aside(tmp_path, reading):
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"a":"é"}\n'.encode("cp1252") + b'{"a":"\x81"}\n{}\n')
    assert reading("jsonl", path, encoding="cp1252").all() == [
        SourceRecord('{"a":"é"}'.encode(), id=f"{path}:1"),
        Unreadable(b'{"a":"\x81"}', "wrong_encoding", f"{path}:2"),
        SourceRecord(b"{}", id=f"{path}:3"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf_16_le", "utf-7", "cp500", "iso2022_jp", "hz", "unicode_escape"])
def test_encodings_whose_lines_cannot_be_told_are_refused(encoding):
    with pytest.raises(ValidationError, match="convert them to utf-8"):
        configure_source("jsonl", {"path": "a", "encoding": encoding})


@pytest.mark.parametrize("encoding", ["UTF8", "utf-8-sig", "latin-1", "cp1252", "shift_jis", "gb18030", "euc_kr"])
def test_encodings_that_keep_ascii_are_taken(encoding):
    configure_source("jsonl", {"path": "a", "encoding": encoding})


def test_an_unknown_encoding_is_named():
    with pytest.raises(ValidationError, match="no text encoding is called klingon"):
        configure_source("jsonl", {"path": "a", "encoding": "klingon"})


@given(
    files=st.lists(st.lists(st.sampled_from([b"", b"x", b" ", b"\r", b"{}", b"yyyyyyyy"]), max_size=9), max_size=4),
    page_size=st.integers(1, 7),
    newline=st.sampled_from([b"\n", b"\r\n"]),
    ends=st.booleans(),
)
@settings(derandomize=True, max_examples=80, deadline=None)
def test_pages_of_any_size_neither_repeat_nor_skip(tmp_path_factory, reading, files, page_size, newline, ends):
    folder = tmp_path_factory.mktemp("pages")
    for number, lines in enumerate(files):
        (folder / f"{number}.jsonl").write_bytes(newline.join(lines) + (newline if ends else b""))
    there = reading("jsonl", folder / "*", page_size=page_size, follow=not files)
    expected = [line.removesuffix(b"\r") for lines in files for line in lines]
    assert there.values() == [line for line in expected if line.strip()]
    assert there.all() == []


def test_the_cursor_is_plain_json_and_small(tmp_path, reading):
    for name in "ab":
        (tmp_path / name).write_bytes(b"{}\n" * 5)
    there = reading("jsonl", tmp_path / "?", page_size=7)
    assert not there.page().done
    assert there.cursor["file"] == str(tmp_path / "b")
    assert (there.cursor["offset"], there.cursor["line"], there.cursor["size"]) == (6, 2, 15)
    assert there.cursor["fingerprint"].startswith("6:")
    assert list(there.cursor["done"]) == [str(tmp_path / "a")]
    assert there.cursor["done"][str(tmp_path / "a")][2].startswith("15:")
    assert json.loads(json.dumps(there.cursor)) == there.cursor


def test_files_are_read_in_order_and_new_ones_after_those(tmp_path, reading):
    for name in ("b", "c"):
        (tmp_path / f"{name}.jsonl").write_text(f'"{name}"\n')
    (tmp_path / "folder.jsonl").mkdir()
    there = reading("jsonl", tmp_path / "*.jsonl")
    assert there.values() == [b'"b"', b'"c"']
    (tmp_path / "a.jsonl").write_text('"a"\n')
    assert there.values() == [b'"a"']
    (tmp_path / "b.jsonl").unlink()
    assert there.values() == []


def test_a_file_that_grew_after_its_end_is_read_on(tmp_path, reading):
    path = tmp_path / "a"
    path.write_bytes(b"1\n2")
    there = reading("jsonl", path)
    assert there.values() == [b"1", b"2"]
    with path.open("ab") as file:
        file.write(b"\r\n3\n")
    (last,) = there.all()
    assert last == SourceRecord(b"3", id=f"{path}:3")


def test_a_last_line_that_grew_after_it_was_taken_stops_the_source(tmp_path, reading):
    path = tmp_path / "a"
    path.write_bytes(b"1\n2")
    there = reading("jsonl", path)
    there.all()
    path.write_bytes(b"1\n23\n")
    with pytest.raises(SourceError, match=r"line 2 of .* has grown since .*follow: true"):
        there.all()


def test_following_waits_for_the_newline(tmp_path, reading):
    path = tmp_path / "a"
    there = reading("jsonl", path, follow=True)
    assert there.values() == []
    path.write_bytes(b"1\n2")
    assert there.values() == [b"1"]
    assert there.values() == []
    path.write_bytes(b"1\n22\n3\n")
    assert there.values() == [b"22", b"3"]


def test_following_reads_what_a_writer_appends_each_line_once(tmp_path, reading):
    path, lines = tmp_path / "a", [f'{{"n":{number}}}'.encode() for number in range(3000)]
    path.touch()

    def write():
        data = b"".join(line + b"\n" for line in lines)
        with path.open("ab", buffering=0) as file:
            for start in range(0, len(data), 7):
                file.write(data[start : start + 7])

    there = reading("jsonl", path, follow=True, page_size=100)
    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        there.page()
    there.all()
    assert [record.value for record in there.found] == lines


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "was removed before it was read to its end"),
        (lambda path: path.write_bytes(b'"1"\n'), "had 40 bytes and has only 4 now: it was cut or replaced"),
        (lambda path: path.write_bytes(b'"9"\n' * 10), "is not the file that was read before"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder|cannot be read"),
    ],
)
def test_a_file_that_changed_behind_the_cursor_stops_the_source(tmp_path, reading, change, message):
    path = tmp_path / "a"
    path.write_bytes(b'"1"\n' * 10)
    there = reading("jsonl", path, page_size=2)
    there.page()
    change(path)
    with pytest.raises(SourceError, match=message):
        there.page()


def test_a_finished_file_that_was_replaced_is_noticed(tmp_path, reading):
    path = tmp_path / "a"
    path.write_bytes(b"1\n")
    there = reading("jsonl", path)
    there.all()
    path.write_bytes(b"2\n3\n")
    with pytest.raises(SourceError, match="is not the file that was read"):
        there.all()


def test_a_file_cut_while_a_page_is_read_gives_what_was_read_and_then_stops(tmp_path, reading, monkeypatch):
    path = tmp_path / "a"
    line = b"x" * 99
    path.write_bytes((line + b"\n") * 60_000)
    original = _lines.Lines.read

    def read(lines):
        if lines.line == 10 and path.stat().st_size > 3_000_050:
            with path.open("r+b") as file:
                file.truncate(3_000_050)
        return original(lines)

    monkeypatch.setattr(_lines.Lines, "read", read)
    there = reading("jsonl", path, page_size=100_000)
    with pytest.raises(SourceError, match="had 6000000 bytes and has only 3000050 now"):
        while True:
            there.page()
    assert [record.value for record in there.found] == [line] * 30_000


def test_a_page_ends_before_a_fault_and_the_next_one_raises(tmp_path, reading):
    (tmp_path / "a").write_bytes(b"1\n")
    (tmp_path / "b").write_bytes(b"2\n")
    there = reading("jsonl", tmp_path / "?")
    there.all()
    (tmp_path / "b").write_bytes(b"3\n4\n")
    (tmp_path / "c").write_bytes(b"5\n")
    assert [record.value for record in there.page().records] == [b"5"]
    with pytest.raises(SourceError):
        there.page()


@pytest.mark.parametrize("name", ["none.jsonl", "none*.jsonl"])
def test_a_path_without_files_says_so(tmp_path, reading, name):
    with pytest.raises(SourceError, match="there is no file"):
        reading("jsonl", tmp_path / name).all()


def test_a_folder_is_refused_with_a_hint(tmp_path, reading):
    with pytest.raises(SourceError, match=r"is a folder .*/\*"):
        reading("jsonl", tmp_path).all()


def test_a_name_with_brackets_is_a_file_where_there_is_one(tmp_path, reading):
    (tmp_path / "a[1].jsonl").write_bytes(b"1\n")
    assert reading("jsonl", tmp_path / "a[1].jsonl").values() == [b"1"]


def test_a_foreign_cursor_is_refused(tmp_path, reading):
    there = reading("jsonl", tmp_path / "a")
    there.cursor = {"offset": "x"}
    with pytest.raises(SourceError, match="cursor"):
        there.page()


def test_long_lines_work_and_longer_ones_leave_a_prefix(tmp_path, reading):
    path = tmp_path / "a"
    long = b'{"a":"' + b"x" * 20_000_000 + b'"}'
    path.write_bytes(b"1\n" + long + b"\n" + b"y" * 30_000_000 + b"\n2\n" + b"z" * 25_000_000)
    there = reading("jsonl", path)
    tracemalloc.start()
    found = there.all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [record.value for record in found[:2]] == [b"1", long]
    assert found[2] == Unreadable(b"y" * _lines.PREFIX_BYTES, "record_too_long", f"{path}:3")
    assert found[3] == SourceRecord(b"2", id=f"{path}:4")
    assert found[4] == Unreadable(b"z" * _lines.PREFIX_BYTES, "record_too_long", f"{path}:5")
    assert peak < 100_000_000


def test_pages_are_bounded_in_bytes(tmp_path, reading):
    path = tmp_path / "a"
    path.write_bytes((b"x" * 1_000_000 + b"\n") * 30)
    there = reading("jsonl", path)
    assert len(there.page().records) == 9
    there.all()
    assert len(there.found) == 30
