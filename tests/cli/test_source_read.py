"""penstock source read and list: a source's records as JSON lines."""

import json
from pathlib import Path

import pytest

from penstock.connectors.registry import SOURCES


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("name,age\nAda,36\nBob\nCy,41\nDi,50\n")
    return path


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_list_names_the_sources(call):
    assert {item["name"] for item in json.loads(call("source", "list", "--json").stdout)} == set(SOURCES.modules)


def test_records_are_lines_and_what_is_unreadable_is_told_aside(call, people):
    result = call("source", "read", "csv", "-o", f"path={people}", "-o", "types.age=integer")
    assert result.exit_code == 1
    assert lines(result.stdout)[0] == {
        "id": f"{people}:2",
        "key": None,
        "value": {"name": "Ada", "age": 36},
        "headers": [],
    }
    assert [record["value"]["name"] for record in lines(result.stdout)] == ["Ada", "Cy", "Di"]
    assert lines(result.stderr) == [{"id": f"{people}:3", "code": "ragged_row"}]
    assert "1 unreadable" in result.stderr


def test_everything_on_standard_output(call, people):
    result = call("source", "read", "csv", "-o", f"path={people}", "--json-all")
    assert lines(result.stdout)[1] == {"id": f"{people}:3", "code": "ragged_row"}
    assert len(lines(result.stdout)) == 4
    assert lines(result.stderr) == []


@pytest.mark.parametrize(
    ("most", "names", "status"), [(1, ["Ada"], 0), (3, ["Ada", "Cy"], 1), (99, ["Ada", "Cy", "Di"], 1)]
)
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_max_counts_whatever_was_read(most, names, status, page, call, people):
    result = call("source", "read", "csv", "-o", f"path={people}", "-o", f"page_size={page}", "--max", most)
    assert [record["value"]["name"] for record in lines(result.stdout)] == names
    assert result.exit_code == status


def test_values_that_are_no_json_are_shown_all_the_same(call, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\nplain text\n\xff\xfe\n12345678901234567890123\n')
    result = call("source", "read", "jsonl", "-o", f"path={path}")
    assert [record["value"] for record in lines(result.stdout)] == [
        {"a": 1},
        "plain text",
        {"base64": "//4="},
        12345678901234567890123,
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cvs"], "error: no source is called cvs (did you mean csv?)"),
        (["csv"], "error: csv: path is missing"),
        (["csv", "-o", "pth=x"], "error: csv: unknown key pth (did you mean path?)"),
    ],
)
def test_wrong_use_is_2(arguments, said, call):
    result = call("source", "read", *arguments)
    assert (result.exit_code, result.stderr.strip(), result.stdout) == (2, said, "")


def test_a_source_that_cannot_be_read_is_1(call, tmp_path):
    result = call("source", "read", "csv", "-o", f"path={tmp_path}/none.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
